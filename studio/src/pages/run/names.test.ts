import { expect, test } from "vitest";
import { nameProblem } from "./names";

test.each(["digits", "digits-2", "a"])("%s is a name", (name) => {
  expect(nameProblem(name)).toBe("");
});

test.each(["", "Digits", "-a", "a-", "2a", "a.b", "ä", "x".repeat(64)])("%j is no name", (name) => {
  expect(nameProblem(name)).not.toBe("");
});
