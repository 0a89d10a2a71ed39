import { expect, test } from "vitest";
import { axisStep, MAX_AXES, MAX_PARALLEL, parallel, SIDE } from "./parallelAxes";

const row = (id: string, cells: (string | null)[], isBest = false) => ({ id, label: id, cells, isBest });

test("numbers have their place between the extremes", () => {
  const { axes, lines } = parallel(["units"], [row("a", ["16"]), row("b", ["32"]), row("c", ["24"])]);
  expect(axes).toEqual([
    {
      name: "units",
      ticks: [
        { label: "16", at: 0 },
        { label: "32", at: 1 },
      ],
    },
  ]);
  expect(lines.map((line) => line.at)).toEqual([[0], [1], [0.5]]);
});

test("a wide range of positive numbers is logarithmic", () => {
  const { lines } = parallel(["rate"], [row("a", ["0.001"]), row("b", ["0.1"]), row("c", ["0.01"])]);
  expect(lines[2]?.at[0]).toBeCloseTo(0.5);
});

test("a missing value has a mark below the others", () => {
  const { axes, lines } = parallel(["momentum"], [row("a", ["0.9"]), row("b", [null]), row("c", ["0.5"])]);
  expect(axes[0]?.ticks[0]).toEqual({ label: "not set", at: 0 });
  expect(lines[1]?.at).toEqual([0]);
  expect(lines[2]?.at[0]).toBeGreaterThan(0.1);
});

test("a value that is not finite is missing, and the axis keeps its numbers", () => {
  const { axes } = parallel(["value"], [row("a", ["nan"]), row("b", ["2"]), row("c", ["1"])]);
  expect(axes[0]?.ticks.map((tick) => tick.label)).toEqual(["not set", "1", "2"]);
});

test("words have a mark each", () => {
  const { axes } = parallel(["optimizer"], [row("a", ["SGD"]), row("b", ["Adam"])]);
  expect(axes[0]?.ticks).toEqual([
    { label: "Adam", at: 0 },
    { label: "SGD", at: 1 },
  ]);
});

test("a property with one value, or with too many words, has no axis", () => {
  const rows = Array.from({ length: 20 }, (_, index) => row(String(index), ["same", `word ${index}`, String(index)]));
  expect(parallel(["same", "words", "number"], rows).axes.map((axis) => axis.name)).toEqual(["number"]);
});

test("the best line is the last, above the others", () => {
  const { lines } = parallel(["x"], [row("best", ["1"], true), row("other", ["2"])]);
  expect(lines.map((line) => line.id)).toEqual(["other", "best"]);
});

test("lines and axes are bounded", () => {
  const names = Array.from({ length: 40 }, (_, index) => `p${index}`);
  const rows = Array.from({ length: 1000 }, (_, index) =>
    row(
      String(index),
      names.map(() => String(index)),
    ),
  );
  const found = parallel(names, rows);
  expect([found.axes.length, found.lines.length, found.omitted]).toEqual([MAX_AXES, MAX_PARALLEL, 700]);
  expect(found.axes.at(-1)?.name).toBe("p39");
  expect(found.omittedAxes).toEqual(names.slice(0, 28));
});

test("axes fill a wide place, and keep their distance in a narrow one", () => {
  expect(2 * SIDE + 3 * axisStep(4, 1200)).toBe(1200);
  expect(axisStep(12, 1200)).toBe(165);
  expect(axisStep(2, 0)).toBe(165);
});
