import { expect, test } from "vitest";
import { formatValue } from "./numbers";

test.each([
  [0, "0"],
  [0.043612345, "0.043612"],
  [58954, "58954"],
  [1234567, "1.235e6"],
  [0.00001, "1e-5"],
  [-1.5e-7, "-1.5e-7"],
])("%d is %s", (value, text) => {
  expect(formatValue(value)).toBe(text);
});
