/** The panels of several runs: a line for each run, its validation if it has one. */

import { type CurvesPanel, type StyledLine } from "../../charts/CurvesView";
import { lineStyle } from "../../charts/lineStyle";
import { toPanels } from "../../charts/panels";
import type { Curve, History } from "../../wire";

export interface DrawnHistory {
  /** Identity of the run. */
  id: string;
  label: string;
  /** Index of its style. */
  style: number;
  history: History;
}

/** Returns a panel for each metric that any of the runs has. */
export function comparePanels(runs: readonly DrawnHistory[]): CurvesPanel[] {
  const metrics = new Map<string, { run: DrawnHistory; curve: Curve }[]>();
  for (const run of runs) {
    for (const { metric, curves } of toPanels(run.history.curves)) {
      const curve = curves.at(-1);
      if (curve) metrics.set(metric, [...(metrics.get(metric) ?? []), { run, curve }]);
    }
  }
  // The order of toPanels, also for metrics of which only later runs know.
  return toPanels([...metrics.keys()].map((name) => ({ name }))).flatMap(({ metric }) => {
    const found = metrics.get(metric) ?? [];
    const names = new Set(found.map(({ curve }) => curve.name));
    const lines = found.map(({ run, curve }): StyledLine => ({
      line: {
        id: run.id,
        label: names.size > 1 ? `${run.label}, ${curve.name}` : run.label,
        x: curve.epochs,
        y: curve.values,
      },
      style: lineStyle(run.style),
    }));
    const [only] = names;
    return [{ metric, title: names.size === 1 && only ? only : metric, lines }];
  });
}
