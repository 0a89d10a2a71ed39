import { expect, test } from "vitest";
import type { DocumentProblem } from "../../wire";
import { byStep, overallState, problemAt, stepOf, stepState } from "./problems";

const problem = (path: string, isWarning = false): DocumentProblem => ({ path, message: `${path} is wrong.`, layer: null, line: null, isWarning });
const VIEW = { kind: "TrainingJob", name: "a", namespace: "b", job: {}, search: null } as const;

test.each([
  ["spec.network.layers[2].units", "network"],
  ["spec.storage.secretRef", "data"],
  ["spec.template.spec.data.train", "data"],
  ["spec.template.spec", undefined],
  ["spec.training", "training"],
  ["spec.resources.limits[nvidia.com/gpu]", "resources"],
  ["spec.parameters[0].paths[0]", "search"],
  ["metadata.name", "results"],
  ["", undefined],
])("%s belongs to the step %s", (path, step) => {
  expect(stepOf(path)).toBe(step);
});

test("problems are shown at their step, and those of the document apart", () => {
  const found = byStep([problem("spec.data.bucket"), problem("spec.unknown"), problem("metadata.name")]);
  expect([found.data.length, found.document.length, found.results.length, found.network.length]).toEqual([1, 1, 1, 0]);
});

test("a field has its own error and those within it, no warnings", () => {
  const problems = [problem("spec.training.epochs", true), problem("spec.training.optimizer.learning_rate"), problem("spec.training.epochsMore")];
  expect(problemAt(problems, "training.optimizer")?.path).toBe("spec.training.optimizer.learning_rate");
  expect(problemAt(problems, "training.epochs")).toBeUndefined();
});

test("a step without fields is open, and has a problem only with fields", () => {
  const wrong = [problem("spec.training.loss")];
  expect(stepState("training", VIEW, wrong)).toBe("open");
  expect(stepState("search", VIEW, [])).toBe("optional");
  const begun = { ...VIEW, job: { training: {}, data: { bucket: "b" } } };
  expect(stepState("training", begun, wrong)).toBe("problem");
  expect(stepState("training", begun, [problem("spec.training", true)])).toBe("done");
  expect(stepState("data", begun, [])).toBe("open");
});

test("all steps together are open until a begun one is wrong", () => {
  const begun = { ...VIEW, job: { network: {}, data: { train: {} }, training: {}, results: {} } };
  expect(overallState(VIEW, [problem("spec.training")])).toBe("open");
  expect(overallState(begun, [])).toBe("done");
  expect(overallState(begun, [problem("spec.results.bucket")])).toBe("problem");
  expect(overallState(begun, [problem("spec.results.bucket", true)])).toBe("done");
  expect(overallState(VIEW, [problem("spec.unknown")])).toBe("problem");
  expect(overallState(begun, [problem("spec.resources.limits")])).toBe("problem");
});
