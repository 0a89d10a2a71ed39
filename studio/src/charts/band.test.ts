import { expect, test } from "vitest";
import { columnWidth, isDense, MAX_COLUMNS, toBand } from "./band";

const x = [0, 1, 2, 3, 4, 5];
const inTwos = (value: number) => Math.floor(value / 2);

test("a column has the lowest and the highest of its values, and the last value before it", () => {
  expect(toBand(x, [5, 1, 3, 4, 9, 8], 0, 5, inTwos)).toEqual({
    column: [0, 1, 2],
    lowest: [1, 1, 4],
    highest: [5, 4, 9],
  });
});

test("missing values and points outside are left out", () => {
  expect(toBand(x, [5, null, null, 2, 7, 100], 0, 4, inTwos)).toEqual({
    column: [0, 1, 2],
    lowest: [5, 2, 2],
    highest: [5, 5, 7],
  });
  expect(toBand(x, [null, null], 0, 1, inTwos)).toEqual({ column: [], lowest: [], highest: [] });
});

test("a line with few points beside dense ones is no band", () => {
  const band = (column: number[]) => ({ column, lowest: [], highest: [] });
  expect(isDense(band([3, 4, 5, 6]))).toBe(true);
  expect(isDense(band([3, 9, 20]))).toBe(false);
  expect(isDense(band([]))).toBe(false);
});

test("the columns of all lines of a chart are bounded", () => {
  expect(columnWidth(900, 1)).toBe(2);
  expect(columnWidth(900, 8)).toBe(4);
  for (const lines of [1, 8, 200]) expect((lines * 900) / columnWidth(900, lines)).toBeLessThanOrEqual(MAX_COLUMNS);
});
