import { expect, test } from "vitest";
import { MAX_DRAWN, firstDrawn, toggled } from "./selection";

const names = (count: number) => Array.from({ length: count }, (_, index) => String(index));

test("few runs are drawn at once, of many the user chooses", () => {
  expect([...firstDrawn(["a", "b"])]).toEqual([
    ["a", 0],
    ["b", 1],
  ]);
  expect(firstDrawn(names(MAX_DRAWN)).size).toBe(MAX_DRAWN);
  expect(firstDrawn(names(MAX_DRAWN + 1)).size).toBe(0);
});

test("a run keeps its style, and a new one gets a style that no other has", () => {
  const without = toggled(firstDrawn(["a", "b", "c"]), "a");
  expect([...without]).toEqual([
    ["b", 1],
    ["c", 2],
  ]);
  expect([...toggled(without, "d")]).toEqual([
    ["b", 1],
    ["c", 2],
    ["d", 0],
  ]);
});

test("there is no room for a run more than the charts can hold", () => {
  const drawn = firstDrawn(names(MAX_DRAWN));
  expect(toggled(drawn, "more")).toBe(drawn);
  expect(toggled(drawn, "3").size).toBe(MAX_DRAWN - 1);
});
