/** The trials of an Experiment: their table, and the curves of chosen trials. */

import { useMemo, useState } from "react";
import { keyText, runPath } from "../../api/paths";
import { groupOf } from "../../parts/state";
import type { RunDetail, Trials } from "../../wire";
import { Loaded } from "../run/Loaded";
import { numberField, textField } from "../run/objectFields";
import { useResource } from "../run/useResource";
import { useThrottled } from "../run/useThrottled";
import { DrawnCurves } from "./DrawnCurves";
import { LiveTrialsTable } from "./LiveTrialsTable";
import { ParallelView } from "./ParallelView";
import { TrialsTable } from "./TrialsTable";
import { type Drawn, toggled } from "./selection";
import { parallelColumns, sortedTrials, trialsOf } from "./trials";

/** Minimum time between two requests for the trials, in milliseconds. */
const PERIOD = 5000;

export interface TrialsSectionProps {
  detail: RunDetail;
  version: string;
}

export function TrialsSection({ detail, version }: TrialsSectionProps) {
  const trials = useResource<Trials>(`${runPath(detail.summary)}/trials`, useThrottled(version, PERIOD));
  const { summary, object } = detail;
  return (
    <>
      {groupOf(summary) !== "ended" && (
        <LiveTrialsTable experiment={summary} metric={textField(object, "spec.objective.metric")} />
      )}
      <Loaded resource={trials} name="the trials" absent="There are no trials yet.">
        {(data) => <TrialsView trials={data} detail={detail} />}
      </Loaded>
    </>
  );
}

function TrialsView({ trials, detail: { object, summary } }: { trials: Trials; detail: RunDetail }) {
  const [drawn, setDrawn] = useState<Drawn>(new Map());
  const { namespace } = summary;
  const rows = useMemo(() => trialsOf(trials), [trials]);
  const best = numberField(object, "status.best.trial");
  const isDescending = textField(object, "spec.objective.goal") === "Maximize";
  const columns = useMemo(() => parallelColumns(trials.columns), [trials]);
  const axes = useMemo(() => columns.map((column) => trials.columns[column] ?? ""), [columns, trials]);
  const lines = useMemo(
    () =>
      sortedTrials(rows, trials.columns.indexOf("value"), isDescending)
        .filter((trial) => trial.cells[trials.columns.indexOf("value")])
        .map((trial) => ({
          id: trial.id,
          label: `trial ${trial.number}`,
          cells: columns.map((column) => trial.cells[column]),
          isBest: trial.number === String(best),
        })),
    [rows, trials, columns, best, isDescending],
  );
  const shown = useMemo(
    () =>
      [...drawn].flatMap(([id, style]) => {
        const trial = rows.find((each) => each.id === id);
        if (!trial?.job) return [];
        return [
          { run: { kind: "TrainingJob", namespace, name: trial.job } as const, label: `trial ${trial.number}`, style },
        ];
      }),
    [drawn, rows, namespace],
  );
  return (
    <>
      <section className="card" aria-labelledby="trials">
        <h2 id="trials">Trials</h2>
        {!trials.isComplete && (
          <p className="hint">These are not all trials. trials.csv in the bucket has all of them.</p>
        )}
        <TrialsTable
          columns={trials.columns}
          trials={rows}
          namespace={namespace}
          best={best}
          isDescending={isDescending}
          drawn={drawn}
          onToggle={(id) => setDrawn(toggled(drawn, id))}
        />
      </section>
      <section className="card" aria-labelledby="parallel">
        <h2 id="parallel">Parameters and values</h2>
        <ParallelView names={axes} rows={lines} />
      </section>
      <section className="card" aria-labelledby="curves">
        <h2 id="curves">Curves</h2>
        <DrawnCurves key={keyText(summary)} runs={shown} />
      </section>
    </>
  );
}
