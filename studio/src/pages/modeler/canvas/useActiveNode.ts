// The node to which the Tab key and the arrow keys lead. It follows the selection, also when a problem or the palette
// selects a node.
import { useCallback, useEffect, useRef, useState, type RefObject } from "react";
import type { Place } from "./steps";

interface Options {
  selection: ReadonlySet<string>;
  places: readonly Place[];
  ownerOf: ReadonlyMap<string, string>;
  openTo: (node: string) => void;
  show: (id: string) => void;
}

export interface ActiveNode {
  active: string | null;
  focus: { id: string; request: number };
  /** The last request that a node has fulfilled. */
  done: RefObject<number>;
  /** Moves the focus to a node. */
  moveTo: (id: string) => void;
}

export function useActiveNode({ selection, places, ownerOf, openTo, show }: Options): ActiveNode {
  const [chosen, setChosen] = useState<string | null>(null);
  const [focus, setFocus] = useState({ id: "", request: 0 });
  const done = useRef(0);
  const selected = selection.size === 1 ? ([...selection][0] ?? null) : null;

  const isHidden = selected !== null && ownerOf.has(selected) && ownerOf.get(selected) !== selected;
  useEffect(() => {
    if (selected !== null && isHidden) openTo(selected);
  }, [selected, isHidden, openTo]);

  const isPlaced = selected !== null && places.some(({ id }) => id === selected);
  useEffect(() => {
    if (selected === null || !isPlaced) return;
    setChosen(selected);
    show(selected);
  }, [selected, isPlaced, show]);

  const moveTo = useCallback(
    (id: string) => {
      setChosen(id);
      show(id);
      setFocus(({ request }) => ({ id, request: request + 1 }));
    },
    [show],
  );
  const active = places.some(({ id }) => id === chosen) ? chosen : (places[0]?.id ?? null);
  return { active, focus, done, moveTo };
}
