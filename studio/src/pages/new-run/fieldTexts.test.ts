import { expect, test } from "vitest";
import { defaultOf, fieldOf, hintOf, numberOf, shown, textOf } from "./fieldTexts";

test("a short description is shown in full, a long one by its first sentence and its default", () => {
  expect(hintOf(fieldOf("training.batchSize"))).toBe("Samples per step. Default: 32.");
  expect(hintOf(fieldOf("training.seed"))).toMatch(/^Seed of the weights.* Default: 0\.$/u);
  expect(hintOf({ description: "" })).toBe("");
});

test("an option has its own sentence", () => {
  const about = fieldOf("search.method", true);
  expect(hintOf(about, "Grid")).toBe("Grid: every combination, in order.");
  expect(hintOf(fieldOf("schedule.method", true), "ASHA")).toMatch(/^ASHA \(asynchronous/u);
  expect(defaultOf(about)).toBe("TPE");
});

test("a default that the API server does not store is in the description", () => {
  expect(defaultOf(fieldOf("training.precision"))).toBe("float32");
  expect(defaultOf(fieldOf("results.bucket"))).toBeUndefined();
});

test.each([["12", 12], [" 1e-3 ", 0.001], ["0.", 0], ["", undefined], ["twelve", "twelve"], ["1e", "1e"], ["9007199254740991", 9007199254740991], ["9007199254740993", "9007199254740993"], ["1e30", 1e30]])("the typed text %j is the value %j", (text, value) => {
  expect(numberOf(text)).toBe(value);
});

test("values are shown as they are typed", () => {
  expect([shown(0.001), shown("a"), shown(true), shown(undefined), shown([1]), textOf(" "), textOf(" a ")]).toEqual(["0.001", "a", "true", "", "[1]", undefined, "a"]);
});
