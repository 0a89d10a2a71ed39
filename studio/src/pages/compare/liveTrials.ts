/** The TrainingJobs of a running Experiment, from the stream. Pure. */

import { groupOf } from "../../parts/state";
import type { MetricValue, RunKey, RunSummary } from "../../wire";

export interface LiveTrial {
  run: RunSummary;
  number: number;
  rung: number;
  /** The objective after the last epoch, or else the first metric of the run. */
  metric: MetricValue | null;
}

/** Returns the TrainingJobs of an Experiment: those that train first, then the newest.
 *
 * @param metric - Name of the objective's metric.
 */
export function liveTrials(runs: readonly RunSummary[], { namespace, name }: RunKey, metric: string | null): LiveTrial[] {
  return runs
    .filter((run) => run.kind === "TrainingJob" && run.namespace === namespace && run.experiment === name)
    .flatMap((run): LiveTrial[] => {
      // The operator names them EXPERIMENT-NUMBER-rRUNG.
      const found = run.name.startsWith(`${name}-`) ? /^(\d{1,9})-r(\d{1,4})$/u.exec(run.name.slice(name.length + 1)) : null;
      const shown = run.metrics.find((each) => each.name === metric) ?? run.metrics[0] ?? null;
      return found ? [{ run, number: Number(found[1]), rung: Number(found[2]), metric: shown }] : [];
    })
    .sort((a, b) => rank(a) - rank(b) || b.number - a.number || b.rung - a.rung);
}

const ORDER = ["running", "queued", "ended"];

function rank({ run }: LiveTrial): number {
  return ORDER.indexOf(groupOf(run));
}
