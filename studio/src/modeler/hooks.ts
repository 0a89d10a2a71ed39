// The session, the checker, the layout and the draft in React.
import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { DocumentChecker, findingsOf, type CheckState, type NodeFindings } from "./check";
import type { DraftState, DraftStore } from "./drafts";
import { LayoutClient } from "./layout/layout";
import type { Layout, LayoutRequest } from "./layout/types";
import type { ModelerSession, ModelerState } from "./session";

/** Time after the last change until the draft is stored, in milliseconds. */
const STORED_AFTER = 400;
const NO_FINDINGS: NodeFindings = { problems: new Map(), shapes: new Map(), parameters: new Map(), rest: [] };

export function useModeler(session: ModelerSession): ModelerState {
  return useSyncExternalStore(session.subscribe, session.getState);
}

/** Checks the document after each change. Findings are those of the last answer until the next one is there. */
export function useChecked({ text, version, graph, isStale }: ModelerState): { check: CheckState; findings: NodeFindings } {
  const [checker] = useState(() => new DocumentChecker());
  const check = useSyncExternalStore(checker.subscribe, checker.getState);
  useEffect(() => checker.check(text, version), [checker, text, version]);
  useEffect(() => () => checker.dispose(), [checker]);
  const { checked, version: checkedVersion } = check;
  // Positions of an answer hold only in the graph of its text; the ids that they lead to hold after further edits, too.
  const [findings, setFindings] = useState(NO_FINDINGS);
  useEffect(() => {
    if (checked && checkedVersion === version && !isStale) setFindings(findingsOf(checked, graph));
  }, [checked, checkedVersion, version, graph, isStale]);
  return { check, findings };
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

export interface DraftKey {
  namespace: string;
  name: string;
  resourceVersion: string | null;
}

/** Stores a draft a moment after each change, and as the page is left.
 *
 * Returns its state, null before the first change, and a function that stores it in place of that of another tab.
 */
export function useDraft(store: DraftStore, { namespace, name, resourceVersion }: DraftKey, { text, version }: ModelerState): [DraftState | null, () => void] {
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
      setState(store.save({ namespace, name, text, resourceVersion }));
    };
    waiting.current = flush;
    const timer = setTimeout(flush, STORED_AFTER);
    window.addEventListener("pagehide", flush);
    return () => {
      clearTimeout(timer);
      window.removeEventListener("pagehide", flush);
    };
  }, [store, namespace, name, resourceVersion, text, version, opened]);
  useEffect(() => () => waiting.current?.(), []);
  return [state, () => setState(store.overwrite({ namespace, name, text, resourceVersion }))];
}
