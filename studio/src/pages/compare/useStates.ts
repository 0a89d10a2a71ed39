/** The states of several runs, as one value that changes with each of them. */

import { useCallback, useSyncExternalStore } from "react";
import { keyText } from "../../api/paths";
import { useRuns } from "../../stream/RunsProvider";
import type { RunKey } from "../../wire";

/** Returns a text that changes when a run ends an epoch or gets another state. */
export function useStates(runs: readonly RunKey[]): string {
  const { store } = useRuns();
  const states = useCallback(
    () =>
      runs
        .map((run) => {
          const found = store.get(keyText(run));
          return found ? `${found.uid} ${found.state} ${found.epoch ?? ""}` : "";
        })
        .join("\n"),
    [store, runs],
  );
  return useSyncExternalStore(store.subscribe, states);
}
