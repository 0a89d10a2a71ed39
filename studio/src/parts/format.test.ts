import { describe, expect, test } from "vitest";
import { count, formatAge, formatDuration, formatFigure } from "./format";

test.each([
  [0, "0"],
  [0.036812, "0.03681"],
  [0.99, "0.9900"],
  [-1.5, "-1.500"],
  [12345.6, "12346"],
  [0.0000123, "1.23e-5"],
  [1e12, "1.00e+12"],
  [null, "not finite"],
])("the figure %s reads %s", (value, text) => {
  expect(formatFigure(value)).toBe(text);
});

test.each([
  [0, "0s"],
  [59_000, "59s"],
  [61_000, "1m 1s"],
  [120_000, "2m"],
  [59 * 60_000, "59m"],
  [3_660_000, "1h 1m"],
  [26 * 3_600_000, "1d 2h"],
  [30 * 24 * 3_600_000, "30d"],
  [-5_000, "0s"],
])("%s ms read %s", (milliseconds, text) => {
  expect(formatDuration(milliseconds)).toBe(text);
});

describe("an age", () => {
  const now = Date.parse("2026-01-03T00:00:00Z");
  test.each([
    ["2026-01-03T00:00:10Z", "now"],
    ["2026-01-02T23:48:00Z", "12m"],
    ["2026-01-02T00:00:00Z", "24h"],
    ["2026-01-01T00:00:00Z", "2d"],
  ])("since %s reads %s", (since, text) => {
    expect(formatAge(since, now)).toBe(text);
  });
});

test("a count has its noun", () => {
  expect([count(0, "run"), count(1, "run"), count(2, "run")]).toEqual(["0 runs", "1 run", "2 runs"]);
});
