// The node to which the Tab key and the arrow keys lead. It follows the selection, also when a problem or the palette
// selects a node. When the node with the focus goes, the nearest one gets it.
import { useCallback, useEffect, useRef, useState, type RefObject } from "react";
import { CANVAS } from "./focus";
import { nearest, type Place } from "./steps";

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
  const [chosen, setChosen] = useState<Place | null>(null);
  const [focus, setFocus] = useState({ id: "", request: 0 });
  const done = useRef(0);
  const focused = useFocusedNode();
  const selected = selection.size === 1 ? ([...selection][0] ?? null) : null;

  const isHidden = selected !== null && ownerOf.has(selected) && ownerOf.get(selected) !== selected;
  useEffect(() => {
    if (selected !== null && isHidden) openTo(selected);
  }, [selected, isHidden, openTo]);

  const place = places.find(({ id }) => id === selected);
  const isPlaced = place !== undefined;
  useEffect(() => {
    if (selected !== null && isPlaced) show(selected);
  }, [selected, isPlaced, show]);
  if (place && place !== chosen) setChosen(place);

  const active = (places.find(({ id }) => id === chosen?.id) ?? (chosen ? nearest(places, chosen) : places[0]))?.id ?? null;

  const moveTo = useCallback(
    (id: string) => {
      setChosen(places.find((each) => each.id === id) ?? null);
      show(id);
      setFocus(({ request }) => ({ id, request: request + 1 }));
    },
    [places, show],
  );

  useEffect(() => {
    const { current } = focused;
    if (current === null || active === null || !document.activeElement?.matches(CANVAS)) return;
    if (!places.some(({ id }) => id === current)) moveTo(active);
  }, [places, active, moveTo, focused]);

  return { active, focus, done, moveTo };
}

/** Returns the node that has the focus, or had it before it was removed. */
function useFocusedNode(): RefObject<string | null> {
  const focused = useRef<string | null>(null);
  useEffect(() => {
    const remember = (event: FocusEvent) => {
      if (!(event.target instanceof HTMLElement) || event.target.matches(CANVAS)) return;
      focused.current = event.target.dataset["node"] ?? null;
    };
    document.addEventListener("focusin", remember);
    return () => document.removeEventListener("focusin", remember);
  }, []);
  return focused;
}
