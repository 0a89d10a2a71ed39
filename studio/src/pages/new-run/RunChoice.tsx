// Chooses a stored run, whose network the new run takes.
import { useEffect, useId, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { isAbort, problemOf } from "../../api/client";
import { keyText, parseKey } from "../../api/paths";
import { announce } from "../../parts/announcements";
import { loadDetail } from "../../parts/actions/requests";
import { ProblemBox } from "../../parts/ProblemBox";
import { useRuns } from "../../stream/RunsProvider";
import type { Problem, RunKey, RunSummary } from "../../wire";

/** Maximum runs in the list: the filter finds the others. */
const MAX_SHOWN = 8;

export function RunChoice({ onChoose }: { onChoose: (yaml: string) => void }) {
  const id = useId();
  const { store } = useRuns();
  const [filter, setFilter] = useState("");
  const [loading, setLoading] = useState("");
  const [refusal, setRefusal] = useState<Problem>();
  const abort = useRef<AbortController>(undefined);
  const keys = useSyncExternalStore(store.subscribe, () => keysOf(store.list()));
  const found = useMemo(() => matches(keys, filter), [keys, filter]);

  useEffect(() => () => abort.current?.abort(), []);

  async function choose(run: RunKey): Promise<void> {
    abort.current?.abort();
    const own = new AbortController();
    abort.current = own;
    setLoading(keyText(run));
    setRefusal(undefined);
    try {
      const { yaml } = await loadDetail(run, own.signal);
      onChoose(yaml);
      announce([`The network of ${run.name} is taken over`]);
    } catch (error) {
      if (!isAbort(error)) setRefusal(problemOf(error));
    }
    if (!own.signal.aborted) setLoading("");
  }

  return (
    <div className="run-choice">
      <div className="field">
        <label htmlFor={id}>Run</label>
        <input id={id} type="search" value={filter} placeholder="Filter by name" maxLength={200} autoComplete="off" spellCheck={false} onChange={(event) => setFilter(event.target.value)} />
      </div>
      <ul className="choice-list">
        {found.slice(0, MAX_SHOWN).map((run) => (
          <li key={keyText(run)}>
            <button type="button" className="choice" disabled={loading === keyText(run)} onClick={() => void choose(run)}>
              <span>{run.name}</span>
              <span className="quiet small">
                {run.kind} in {run.namespace}
              </span>
            </button>
          </li>
        ))}
      </ul>
      <p className="hint" role="status">
        {found.length === 0 ? "No run has such a name." : found.length > MAX_SHOWN ? `${found.length - MAX_SHOWN} more runs: type a part of the name.` : ""}
      </p>
      {refusal && <ProblemBox problem={refusal} />}
    </div>
  );
}

/** Returns the runs as a text, which is the same as long as the same runs exist. Trials have the network of their Experiment. */
function keysOf(runs: readonly RunSummary[]): string {
  return runs.filter(({ kind, experiment }) => kind !== "ModelServer" && !experiment).map(keyText).sort().join("\n");
}

function matches(keys: string, filter: string): RunKey[] {
  const part = filter.trim().toLowerCase();
  return keys.split("\n").map(parseKey).filter((run) => run !== undefined).filter(({ name }) => name.toLowerCase().includes(part));
}
