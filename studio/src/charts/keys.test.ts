import { describe, expect, test } from "vitest";
import { type View, afterKey } from "./keys";

const x = Array.from({ length: 101 }, (_, index) => index);
const key = (name: string, shiftKey = false) => ({ key: name, shiftKey });
const at = (point: number | null, range: View["range"] = null): View => ({ point, range });

describe("the cursor", () => {
  test.each([
    ["ArrowRight", 5, 6],
    ["ArrowLeft", 5, 4],
    ["ArrowLeft", 0, 0],
    ["ArrowRight", 100, 100],
    ["PageUp", 5, 15],
    ["PageDown", 15, 5],
    ["Home", 50, 0],
    ["End", 50, 100],
  ])("%s moves it from %d to %d", (name, from, to) => {
    expect(afterKey(at(from), key(name), x)).toEqual(at(to));
  });

  test("starts at the newest point", () => {
    expect(afterKey(at(null), key("ArrowLeft"), x)?.point).toBe(100);
    expect(afterKey(at(null), key("Home"), x)?.point).toBe(0);
  });

  test("stays visible", () => {
    expect(afterKey(at(20, { min: 10, max: 20 }), key("ArrowRight"), x)).toEqual(at(21, { min: 11, max: 21 }));
  });
});

describe("the visible part", () => {
  test("plus and minus zoom around the cursor", () => {
    const closer = afterKey(at(0), key("+"), x);
    expect(closer?.range?.min).toBe(0);
    expect(closer?.range?.max).toBeCloseTo(100 / 1.5);
    expect(afterKey(closer ?? at(0), key("-"), x)?.range).toBeNull();
  });

  test("Shift and an arrow pan, at most to the end", () => {
    expect(afterKey(at(null, { min: 0, max: 40 }), key("ArrowRight", true), x)?.range).toEqual({ min: 10, max: 50 });
    expect(afterKey(at(null, { min: 60, max: 100 }), key("ArrowRight", true), x)?.range).toEqual({ min: 60, max: 100 });
  });

  test("0 shows everything", () => {
    expect(afterKey(at(3, { min: 0, max: 10 }), key("0"), x)).toEqual(at(3));
  });

  test("Escape hides the cursor and shows everything, and then belongs to the page", () => {
    expect(afterKey(at(3, { min: 0, max: 10 }), key("Escape"), x)).toEqual(at(null));
    expect(afterKey(at(null), key("Escape"), x)).toBeNull();
  });
});

test("other keys, and all keys without points, belong to the page", () => {
  expect(afterKey(at(3), key("Tab"), x)).toBeNull();
  expect(afterKey(at(null), key("ArrowRight"), [])).toBeNull();
});
