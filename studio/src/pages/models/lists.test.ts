import { expect, test } from "vitest";
import { makeRun } from "../../testing/runs";
import { listsOf, modelFile } from "./lists";

const SOURCE = { kind: "TrainingJob", namespace: "team-a", name: "mnist" } as const;
const RUNS = [
  makeRun({ name: "running", state: "Running", hasModel: true }),
  makeRun({ name: "old", state: "Complete", hasModel: true, completionTime: "2026-01-01T00:00:00Z" }),
  makeRun({ name: "new", state: "Complete", hasModel: true, completionTime: "2026-02-01T00:00:00Z", experiment: "search" }),
  makeRun({ name: "empty", state: "Complete" }),
  makeRun({ kind: "ModelServer", name: "numbers", state: "Ready", server: { url: "", model: "", source: SOURCE, replicas: 1, readyReplicas: 1 } }),
  makeRun({ kind: "ModelServer", name: "digits", state: "Ready" }),
];

const names = (text: string, withTrials = true) => {
  const { servers, models } = listsOf(RUNS, text, withTrials);
  return [servers.map(({ name }) => name), models.map(({ name }) => name)];
};

test("servers are in the order of their names, and models of ended runs newest first", () => {
  expect(names("")).toEqual([["digits", "numbers"], ["new", "old"]]);
});

test("trials are left out unless they are wanted", () => {
  expect(names("", false)).toEqual([["digits", "numbers"], ["old"]]);
});

test.each([
  ["MNIST", [["numbers"], []]],
  ["search", [[], ["new"]]],
  ["complete ol", [[], ["old"]]],
  ["team-b", [[], []]],
])("the filter %s", (text, expected) => {
  expect(names(text)).toEqual(expected);
});

test.each([["s3://results/a/b/best.onnx", "best.onnx"], ["s3://results/a/", "s3://results/a/"], ["", ""]])("the file of %s", (uri, file) => {
  expect(modelFile(uri)).toBe(file);
});
