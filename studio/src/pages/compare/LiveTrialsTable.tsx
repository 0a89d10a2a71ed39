/** The trials of a running Experiment as they train: state, rung, epoch and current metric. */

import { useMemo, useState, useSyncExternalStore } from "react";
import { formatFigure } from "../../parts/format";
import { Pager } from "../../parts/Pager";
import { StateBadge } from "../../parts/StateBadge";
import { useRuns } from "../../stream/RunsProvider";
import type { RunKey } from "../../wire";
import { RunLink } from "../run/RunLink";
import { useThrottled } from "../run/useThrottled";
import { liveTrials } from "./liveTrials";

const PAGE = 20;
/** Minimum time between two drawings, in milliseconds: the stream may have 50 updates a second. */
const PERIOD = 250;

export interface LiveTrialsTableProps {
  experiment: RunKey;
  /** Name of the objective's metric. */
  metric: string | null;
}

export function LiveTrialsTable({ experiment, metric }: LiveTrialsTableProps) {
  const { store } = useRuns();
  const runs = useThrottled(useSyncExternalStore(store.subscribe, store.list), PERIOD);
  const trials = useMemo(() => liveTrials(runs, experiment, metric), [runs, experiment, metric]);
  const [page, setPage] = useState(0);
  const first = Math.min(page, Math.max(0, Math.ceil(trials.length / PAGE) - 1));
  if (trials.length === 0) return null;
  return (
    <section className="card" aria-labelledby="live-trials">
      <h2 id="live-trials">Trials now</h2>
      <div className="table-wrap" tabIndex={0} role="group" aria-label="Trials now">
        <table className="data-table">
          <caption className="visually-hidden">Trials now</caption>
          <thead>
            <tr>
              <th scope="col">Trial</th>
              <th scope="col">State</th>
              <th scope="col" className="figure">
                Rung
              </th>
              <th scope="col" className="figure">
                Epoch
              </th>
              <th scope="col">Metric</th>
              <th scope="col" className="figure">
                Value
              </th>
            </tr>
          </thead>
          <tbody>
            {trials.slice(first * PAGE, (first + 1) * PAGE).map(({ run, number, rung, metric: shown }) => (
              <tr key={run.name}>
                <th scope="row">
                  <RunLink run={run}>{number}</RunLink>
                </th>
                <td>
                  <StateBadge state={run.state} />
                </td>
                <td className="figure">{rung}</td>
                <td className="figure nowrap">{run.epoch === null ? "–" : `${run.epoch}/${run.epochs ?? "?"}`}</td>
                <td>{shown?.name ?? "–"}</td>
                <td className="figure">{typeof shown?.value === "number" ? formatFigure(shown.value) : "–"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Pager label="trials now" unit="Rows" page={first} size={PAGE} total={trials.length} onPage={setPage} />
    </section>
  );
}
