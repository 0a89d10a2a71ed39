import { expect, test } from "vitest";
import type { History } from "../../wire";
import { hasSamePoints, historyPanels } from "./historyPanels";

const history = (...values: number[]): History => ({
  curves: ["loss", "val_loss", "accuracy"].map((name) => ({
    name,
    epochs: values.map((_, index) => index + 1),
    values,
  })),
  epochs: values.length,
  isThinned: false,
  omittedMetrics: 0,
  source: "bucket",
  problem: null,
});

test("training and validation share a chart, each with its style", () => {
  const panels = historyPanels(history(3, 2));
  expect(panels.map((panel) => [panel.metric, panel.lines.map(({ line }) => line.label)])).toEqual([
    ["loss", ["loss", "val_loss"]],
    ["accuracy", ["accuracy"]],
  ]);
  const styles = panels[0]?.lines.map(({ style }) => style.series) ?? [];
  expect(new Set(styles).size).toBe(2);
});

test("an answer without a new epoch has the same points", () => {
  expect(hasSamePoints(history(3, 2), history(3, 2))).toBe(true);
  expect(hasSamePoints(history(3, 2), history(3, 2, 1))).toBe(false);
  expect(hasSamePoints(history(3, 2), history(3, 1))).toBe(false);
  expect(hasSamePoints(history(3), { ...history(3), source: "status" })).toBe(false);
});
