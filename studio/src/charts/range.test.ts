import { expect, test } from "vitest";
import { containing, isWhole, panned, wholeRange, zoomed } from "./range";

const whole = { min: 0, max: 100 };

test("a single point has a range with a width", () => {
  expect(wholeRange([3])).toEqual({ min: 2.5, max: 3.5 });
  expect(wholeRange([])).toEqual({ min: 0, max: 1 });
});

test("the x value under the pointer keeps its place", () => {
  const range = zoomed(whole, 0.5, 20, whole);
  expect(range).toEqual({ min: 10, max: 60 });
});

test("zooming stops at one epoch and at the whole range", () => {
  const closest = zoomed({ min: 10, max: 11 }, 0.1, 10.5, whole);
  expect(closest.max - closest.min).toBe(1);
  expect(zoomed(whole, 10, 50, whole)).toEqual(whole);
});

test("panning keeps the width at the ends", () => {
  expect(panned({ min: 0, max: 10 }, -1, whole)).toEqual({ min: 0, max: 10 });
  expect(panned({ min: 85, max: 95 }, 1, whole)).toEqual({ min: 90, max: 100 });
});

test("a range follows a value outside of it", () => {
  expect(containing({ min: 10, max: 20 }, 25, whole)).toEqual({ min: 15, max: 25 });
  expect(containing({ min: 10, max: 20 }, 5, whole)).toEqual({ min: 5, max: 15 });
  expect(containing({ min: 10, max: 20 }, 15, whole)).toEqual({ min: 10, max: 20 });
});

test("a range around all points is whole", () => {
  expect(isWhole({ min: -1, max: 101 }, whole)).toBe(true);
  expect(isWhole({ min: 1, max: 100 }, whole)).toBe(false);
});
