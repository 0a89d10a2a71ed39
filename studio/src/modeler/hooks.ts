// The session, the checker, the layout and the draft in React.
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { useCheck, type CheckState } from "../parts/useCheck";
import { findingsOf, movedProblems, NO_FINDINGS, type NodeFindings, type PlacedProblem } from "./check";
import type { DraftState, DraftStore, DraftVersion } from "./drafts";
import { LayoutClient } from "./layout/layout";
import type { Layout, LayoutRequest } from "./layout/types";
import type { ModelerSession, ModelerState } from "./session";

/** Time after the last change until the draft is stored, in milliseconds. */
const STORED_AFTER = 400;

export function useModeler(session: ModelerSession): ModelerState {
  return useSyncExternalStore(session.subscribe, session.getState);
}

export interface CheckedDocument {
  check: CheckState;
  /** Findings of the last answer, by the ids of nodes. */
  findings: NodeFindings;
  /** The problems of the last answer at the nodes of the current graph. */
  problems: readonly PlacedProblem[];
}

/** Checks the document after each change. */
export function useChecked({ text, document, graph, isStale }: ModelerState): CheckedDocument {
  const check = useCheck(text);
  const { checked, checkedText } = check;
  // Positions of an answer hold only in the graph of its text; the ids that they lead to hold after further edits, too.
  const [{ of, findings }, setFound] = useState({ of: "", findings: NO_FINDINGS });
  useEffect(() => {
    if (!checked || checkedText !== text) return;
    if (!isStale) setFound({ of: text, findings: findingsOf(checked, graph) });
    // A broken text has no graph: its problems are in lines.
    else if (!document) setFound((last) => ({ of: text, findings: { ...last.findings, all: checked.problems.map((found) => ({ ...found, node: null })) } }));
  }, [checked, checkedText, text, document, graph, isStale]);
  const problems = useMemo(() => (of === text ? findings.all : movedProblems(findings, graph)), [of, text, findings, graph]);
  return { check, findings, problems };
}

/** Returns the layout of a graph; the last one until the new one is there. */
export function useLayout(request: LayoutRequest): Layout | null {
  const [layout, setLayout] = useState<Layout | null>(null);
  const client = useRef<LayoutClient | null>(null);
  useEffect(() => {
    const made = new LayoutClient();
    client.current = made;
    return () => {
      client.current = null;
      made.dispose();
    };
  }, []);
  useEffect(() => {
    let isCurrent = true;
    void client.current?.layout(request).then((found) => {
      if (found && isCurrent) setLayout(found);
    });
    return () => {
      isCurrent = false;
    };
  }, [request]);
  return layout;
}

export interface DraftKey extends DraftVersion {
  namespace: string;
  name: string;
}

/** Stores a draft a moment after each change, and as the page is left.
 *
 * Returns its state, null before the first change, and a function that stores it in place of that of another tab.
 */
export function useDraft(store: DraftStore, { namespace, name, resourceVersion, generation, uid, metadata }: DraftKey, { text, version }: ModelerState): [DraftState | null, () => void] {
  const [state, setState] = useState<DraftState | null>(null);
  const [opened] = useState(version);
  /** Stores the change that waits for it. */
  const waiting = useRef<(() => void) | null>(null);
  useEffect(() => {
    if (version === opened) {
      // The text is stored elsewhere meanwhile: what waited is no draft any more.
      waiting.current = null;
      return undefined;
    }
    const flush = () => {
      if (waiting.current !== flush) return;
      waiting.current = null;
      setState(store.save({ namespace, name, text, resourceVersion, generation, uid, metadata }));
    };
    waiting.current = flush;
    const timer = setTimeout(flush, STORED_AFTER);
    window.addEventListener("pagehide", flush);
    return () => {
      clearTimeout(timer);
      window.removeEventListener("pagehide", flush);
    };
  }, [store, namespace, name, resourceVersion, generation, uid, metadata, text, version, opened]);
  useEffect(() => () => waiting.current?.(), []);
  return [state, () => setState(store.overwrite({ namespace, name, text, resourceVersion, generation, uid, metadata }))];
}
