import { expect, test } from "vitest";
import type { DocumentProblem } from "../../../wire";
import { FieldProblems, isWithin } from "./problems";

const at = (path: string, message = path): DocumentProblem => ({ path, message, layer: null, line: null, isWarning: false });

test.each([
  ["layers[2].units", "layers[2].units", true],
  ["layers[2].units", "layers[2]", true],
  ["layers[20].units", "layers[2]", false],
  ["layers[2].units", "layers[2].unit", false],
  ["spec", "spec.network", false],
])("%s is within %s: %s", (path, field, expected) => {
  expect(isWithin(path, field)).toBe(expected);
});

test("a field has its own problems and those within it, each once", () => {
  const problems = new FieldProblems([at("layers[0].init.name"), at("layers[0].init", "bad"), at("layers[0].init", "bad"), at("layers[1]")]);
  expect(problems.at(["layers", 0, "init"])).toEqual(["layers[0].init.name", "bad"]);
  expect(problems.exactly([["layers", 0, "init"]])).toEqual(["bad"]);
});
