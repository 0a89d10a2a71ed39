import { expect, test } from "vitest";
import { keyEffect } from "./keys";
import type { Item } from "./view";

const ITEMS: readonly Item[] = [
  { type: "group", id: "group:running", group: "running", label: "Running", count: 2, isOpen: true },
  { type: "run", id: "Experiment/team-a/search", level: 1, trials: 1, isOpen: true },
  { type: "run", id: "TrainingJob/team-a/search-0", level: 2, trials: 0, isOpen: false },
  { type: "run", id: "TrainingJob/team-a/mnist", level: 1, trials: 0, isOpen: false },
];

test.each([
  ["ArrowDown", 0, true, { type: "move", to: 1 }],
  ["ArrowUp", 1, true, { type: "move", to: 0 }],
  ["End", 0, true, { type: "move", to: 3 }],
  ["Home", 3, true, { type: "move", to: 0 }],
  ["ArrowLeft", 1, true, { type: "toggle" }],
  ["ArrowRight", 1, true, undefined],
  ["ArrowLeft", 2, true, { type: "move", to: 1 }],
  ["ArrowLeft", 3, true, { type: "move", to: 0 }],
  ["Enter", 3, true, { type: "open" }],
  ["Enter", 0, true, { type: "toggle" }],
  ["Enter", 3, false, undefined],
  [" ", 3, true, { type: "select" }],
  [" ", 3, false, undefined],
  ["x", 3, true, undefined],
  ["ArrowDown", 9, true, undefined],
] as const)("%s on row %i (focus on the row: %s)", (key, active, isOnRow, expected) => {
  expect(keyEffect(key, ITEMS, active, isOnRow)).toEqual(expected);
});
