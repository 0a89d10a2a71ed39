import { expect, test } from "vitest";
import { classBars, rgbaOf } from "./pictures";

const sample = (pixels: number[], channels: 1 | 3, width = 2, height = 1) => ({ width, height, channels, pixels: btoa(String.fromCharCode(...pixels)), label: null });

test("grey and coloured pixels become opaque ones", () => {
  expect([...(rgbaOf(sample([0, 255], 1)) ?? [])]).toEqual([0, 0, 0, 255, 255, 255, 255, 255]);
  expect([...(rgbaOf(sample([1, 2, 3, 4, 5, 6], 3)) ?? [])]).toEqual([1, 2, 3, 255, 4, 5, 6, 255]);
});

test.each([[sample([0], 1)], [sample([0, 0], 1, 0)], [{ ...sample([0, 0], 1), pixels: "%" }], [sample([0, 0], 1, 100_000)]])("%j is no picture", (broken) => {
  expect(rgbaOf(broken)).toBeUndefined();
});

test("classes are sorted by number, and the largest one fills its bar", () => {
  expect(classBars({ "10": 5, "2": 10 })).toEqual([{ name: "2", count: 10, part: 1 }, { name: "10", count: 5, part: 0.5 }]);
  expect(classBars({})).toEqual([]);
});
