/** The overlaid curves of chosen runs. */

import { useCallback, useEffect, useMemo, useState } from "react";
import { keyText, runPath } from "../../api/paths";
import { type CurvesPanel, CurvesView } from "../../charts/CurvesView";
import { defaultMetrics } from "../../charts/panels";
import { count } from "../../parts/format";
import { useRun } from "../../stream/RunsProvider";
import type { History, RunKey } from "../../wire";
import { ProblemNote } from "../run/ProblemNote";
import { hasSamePoints } from "../run/historyPanels";
import { useResource } from "../run/useResource";
import { useThrottled } from "../run/useThrottled";
import { comparePanels } from "./comparePanels";

/** Points of a curve: fewer than for a single run, because there are up to twelve. */
const POINTS = 1000;
/** Minimum time between two requests for the curves of a run, in milliseconds. */
const PERIOD = 3000;

export interface DrawnRun {
  run: RunKey;
  label: string;
  /** Index of its style. */
  style: number;
}

/** The curves of a run, or "missing" if they cannot be read. */
type Found = History | "missing";

export function DrawnCurves({ runs }: { runs: readonly DrawnRun[] }) {
  const [found, setFound] = useState<ReadonlyMap<string, Found>>(new Map());
  const receive = useCallback((id: string, next: Found | null) => {
    setFound((before) => (isKnown(before.get(id), next) ? before : changed(before, id, next)));
  }, []);
  const panels = useMemo(
    () =>
      comparePanels(
        runs.flatMap(({ run, label, style }) => {
          const history = found.get(keyText(run));
          return history && history !== "missing" ? [{ id: keyText(run), label, style, history }] : [];
        }),
      ),
    [runs, found],
  );
  if (runs.length === 0) return <p className="hint">Choose runs in the table to draw their curves.</p>;
  const isMissing = [...found.values()].includes("missing");
  const loading = runs.filter(({ run }) => !found.has(keyText(run))).length;
  return (
    <>
      {runs.map(({ run, label }) => (
        <HistoryOf key={keyText(run)} run={run} label={label} onFound={receive} />
      ))}
      <p className="hint draw-status" role="status">
        {loading > 0 && `Loading the curves of ${count(loading, "run")}…`}
        {loading === 0 && panels.length === 0 && !isMissing && "No epoch of these runs is finished yet."}
      </p>
      {panels.length > 0 && <CurvesView panels={panels} defaults={firstMetrics(panels)} />}
    </>
  );
}

function firstMetrics(panels: readonly CurvesPanel[]): string[] {
  return defaultMetrics(
    panels.map((panel) => panel.metric),
    null,
  );
}

/** Returns whether an answer brings nothing new, so that nothing is drawn again. */
function isKnown(last: Found | undefined, next: Found | null): boolean {
  if (last === undefined || next === null || last === "missing" || next === "missing")
    return last === (next ?? undefined);
  return hasSamePoints(last, next);
}

function changed(before: ReadonlyMap<string, Found>, id: string, next: Found | null): ReadonlyMap<string, Found> {
  const all = new Map(before);
  if (next === null) all.delete(id);
  else all.set(id, next);
  return all;
}

interface HistoryOfProps {
  run: RunKey;
  label: string;
  onFound: (id: string, found: Found | null) => void;
}

/** Fetches the curves of a run. It shows nothing but the reason that they are missing. */
function HistoryOf({ run, label, onFound }: HistoryOfProps) {
  const id = keyText(run);
  const version = useThrottled(useRun(id)?.resourceVersion ?? "", PERIOD);
  const { data, problem, retry } = useResource<History>(`${runPath(run)}/history?points=${POINTS}`, version);
  useEffect(() => {
    if (data) onFound(id, data);
    else if (problem) onFound(id, "missing");
  }, [id, data, problem, onFound]);
  useEffect(() => () => onFound(id, null), [id, onFound]);
  const cause = problem ?? data?.problem;
  return cause ? <ProblemNote title={`The curves of ${label} are missing.`} problem={cause} onRetry={retry} /> : null;
}
