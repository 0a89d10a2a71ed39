import { expect, test } from "vitest";
import { HEAT_STEPS, heat, percentage } from "./confusion";

test("the heat is the share of the row, and one sample can be seen", () => {
  expect(
    heat([
      [98, 1, 1],
      [0, 5, 5],
      [0, 0, 0],
    ]),
  ).toEqual([
    [HEAT_STEPS, 1, 1],
    [0, 3, 3],
    [0, 0, 0],
  ]);
});

test.each([
  [0.97643, "97.6 %"],
  [null, "–"],
  [undefined, "–"],
])("%s is %s", (share, text) => {
  expect(percentage(share)).toBe(text);
});
