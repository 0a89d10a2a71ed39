import { expect, test } from "vitest";
import { parametersText, shapeText } from "./texts";

test.each([
  [[26, 26, 32], "26×26×32"],
  [[-1, 64], "?×64"],
  [[], "scalar"],
])("the shape %j is %s", (shape, text) => {
  expect(shapeText(shape)).toBe(text);
});

test.each([
  [0, "0"],
  [12_544, "12,544"],
  [250_400, "250 k"],
  [1_234_567, "1.2 M"],
  [25_600_000, "26 M"],
  [7_100_000_000, "7.1 G"],
])("%d parameters are %s", (count, text) => {
  expect(parametersText(count)).toBe(text);
});
