import { expect, test } from "vitest";
import { stepFrom, type Step } from "./steps";

// input → a → add, input → b → add → out
const PLACES = [
  { id: "input", x: 100, y: 0 }, { id: "a", x: 0, y: 100 }, { id: "b", x: 200, y: 100 }, { id: "add", x: 100, y: 200 }, { id: "out", x: 100, y: 300 },
];
const LINKS = [
  { source: "input", target: "a" }, { source: "input", target: "b" }, { source: "a", target: "add" }, { source: "b", target: "add" }, { source: "add", target: "out" },
];

test.each<[string | null, Step, string | null]>([
  ["input", "down", "a"],
  ["a", "down", "add"],
  ["a", "up", "input"],
  ["a", "right", "b"],
  ["b", "left", "a"],
  ["out", "down", null],
  ["out", "first", "input"],
  ["input", "last", "out"],
  [null, "down", "input"],
  ["gone", "up", "input"],
])("from %s a step %s leads to %s", (id, step, expected) => {
  expect(stepFrom(id, step, PLACES, LINKS)).toBe(expected);
});

test("a node without connections is left to the next one below", () => {
  expect(stepFrom("a", "down", PLACES, [])).toBe("add");
});
