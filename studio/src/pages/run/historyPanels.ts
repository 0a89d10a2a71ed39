/** The panels of one run: training and validation of a metric in one chart. */

import { type CurvesPanel } from "../../charts/CurvesView";
import { toPanels } from "../../charts/panels";
import { lineStyle } from "../../charts/lineStyle";
import type { History } from "../../wire";

/** Returns a panel for each metric of a history. */
export function historyPanels(history: History): CurvesPanel[] {
  return toPanels(history.curves).map(({ metric, curves }) => ({
    metric,
    lines: curves.map((curve, index) => ({
      line: { id: curve.name, label: curve.name, x: curve.epochs, y: curve.values },
      style: lineStyle(index),
    })),
  }));
}

/** Returns whether two histories of a run have the same points: a training only adds epochs at the end. */
export function hasSamePoints(one: History, other: History): boolean {
  return (
    one.epochs === other.epochs &&
    one.source === other.source &&
    one.problem?.reason === other.problem?.reason &&
    one.curves.length === other.curves.length &&
    one.curves.every((curve, index) => {
      const found = other.curves[index];
      return (
        curve.name === found?.name &&
        curve.values.length === found.values.length &&
        curve.values.at(-1) === found.values.at(-1)
      );
    })
  );
}
