import { expect, test } from "vitest";
import { type Line, forLogarithm, nearest, smoothed, toColumns } from "./lines";

const line = (id: string, x: number[], y: number[]): Line => ({ id, label: id, x, y });

test("lines with the same x values share them", () => {
  expect(toColumns([line("a", [1, 2], [5, 6]), line("b", [1, 2], [7, 8])])).toEqual({
    x: [1, 2],
    y: [
      [5, 6],
      [7, 8],
    ],
  });
});

test("lines with other x values have no value at the rest", () => {
  expect(toColumns([line("loss", [1, 2, 3, 4], [4, 3, 2, 1]), line("val_loss", [2, 4, 6], [5, 6, 7])])).toEqual({
    x: [1, 2, 3, 4, 6],
    y: [
      [4, 3, 2, 1, null],
      [null, 5, null, 6, 7],
    ],
  });
});

test("no lines are no columns", () => {
  expect(toColumns([])).toEqual({ x: [], y: [] });
});

test("a logarithmic axis omits 0 and negative values, and counts them", () => {
  const { columns, omitted } = forLogarithm({ x: [1, 2, 3, 4], y: [[1, 0, -1, null]] });
  expect(columns.y).toEqual([[1, null, null, null]]);
  expect(omitted).toBe(2);
});

test("smoothing starts at the first value and stays within the values", () => {
  const { y } = smoothed(line("a", [1, 2, 3], [10, 0, 10]), 0.5);
  expect(y[0]).toBe(10);
  expect(y[1]).toBeCloseTo(10 / 3);
  expect(y[2]).toBeCloseTo(50 / 7);
});

test("without a weight the line is the same object, so that nothing is drawn again", () => {
  const one = line("a", [1], [2]);
  expect(smoothed(one, 0)).toBe(one);
});

test.each([
  [0.9, 0],
  [1, 0],
  [2.4, 1],
  [2.6, 2],
  [99, 2],
])("the nearest of 1, 2 and 3 to %d has the index %d", (value, index) => {
  expect(nearest([1, 2, 3], value)).toBe(index);
});

test("no value is the nearest of none", () => {
  expect(nearest([], 1)).toBe(-1);
});
