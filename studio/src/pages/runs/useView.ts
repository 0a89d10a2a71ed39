// The rows of the list. A change of a run draws the list again only if a row moves, comes or goes.
import { useMemo, useSyncExternalStore } from "react";
import type { RunsStore } from "../../stream/store";
import { buildView, isSameView, type View, type ViewOptions } from "./view";

/** Returns the rows, and the same object as long as they are equal. */
export function useView(store: RunsStore, options: ViewOptions): View {
  const snapshot = useMemo(() => {
    let list: ReturnType<RunsStore["list"]> | undefined;
    let view: View | undefined;
    return () => {
      const current = store.list();
      if (view && current === list) return view;
      const next = buildView(current, options);
      list = current;
      view = view && isSameView(view, next) ? view : next;
      return view;
    };
  }, [store, options]);
  return useSyncExternalStore(store.subscribe, snapshot);
}
