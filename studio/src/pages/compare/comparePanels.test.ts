import { expect, test } from "vitest";
import type { History } from "../../wire";
import { comparePanels } from "./comparePanels";

const history = (...names: string[]): History => ({
  curves: names.map((name) => ({ name, epochs: [1, 2], values: [2, 1] })),
  epochs: 2,
  isThinned: false,
  omittedMetrics: 0,
  source: "bucket",
  problem: null,
});

test("each run has a line with its validation", () => {
  const panels = comparePanels([
    { id: "a", label: "a", style: 0, history: history("loss", "val_loss") },
    { id: "b", label: "b", style: 1, history: history("loss", "val_loss", "accuracy") },
  ]);
  expect(panels.map(({ metric, title, lines }) => [metric, title, lines.map(({ line }) => line.label)])).toEqual([
    ["loss", "val_loss", ["a", "b"]],
    ["accuracy", "accuracy", ["b"]],
  ]);
});

test("a run without validation is named as such", () => {
  const [panel] = comparePanels([
    { id: "a", label: "a", style: 0, history: history("loss") },
    { id: "b", label: "b", style: 3, history: history("loss", "val_loss") },
  ]);
  expect(panel?.title).toBe("loss");
  expect(panel?.lines.map(({ line }) => line.label)).toEqual(["a, loss", "b, val_loss"]);
});
