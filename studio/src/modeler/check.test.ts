import { expect, test } from "vitest";
import type { Checked, DocumentProblem } from "../wire";
import { findingsOf, movedProblems } from "./check";
import { removeLayers, renameLayer } from "./edits/layers";
import { ModelerSession } from "./session";
import { BRANCHED } from "./testing";

const SPEC = "spec.template.spec";
const answer = (changes: Partial<Checked> = {}): Checked => ({ problems: [], layers: [], parameters: null, isBuilt: true, ...changes });
const problem = (path: string, changes: Partial<DocumentProblem> = {}): DocumentProblem => ({ path, message: "wrong", ...changes });

test.each([
  [problem("anything", { layer: 3 }), "layer-3"],
  [problem(`${SPEC}.network.layers[2].units`), "layer-2"],
  [problem(`${SPEC}.network.inputs[1].shape[0]`), "input-1"],
  [problem(`${SPEC}.training.outputs[1].loss.delta`), "loss:side"],
  [problem(`${SPEC}.training.optimizer.learning_rate`), "optimizer"],
  [problem(`${SPEC}.data.train`), "data"],
  [problem("metadata.name"), null],
])("the problem %j belongs to %s", (found, node) => {
  const { graph } = new ModelerSession(BRANCHED).getState();
  expect(findingsOf(answer({ problems: [found] }), graph).all).toEqual([{ ...found, node }]);
});

test("problems and shapes belong to nodes", () => {
  const { graph } = new ModelerSession(BRANCHED).getState();
  const findings = findingsOf(answer({ problems: [problem(`${SPEC}.network.layers[2].units`), problem("", { line: 3 }), problem("", { layer: 2 })], layers: [{ index: 0, outputs: [[26, 26, 8]], parameters: 80 }, { index: 5, outputs: [], parameters: null }] }), graph);
  expect(findings.problems.get("layer-2")).toHaveLength(2);
  expect(findings.shapes).toEqual(new Map([["layer-0", [[26, 26, 8]]]]));
  expect(findings.parameters.get("layer-5")).toBeNull();
});

test("problems of an older text follow their nodes to new positions, and leave with them", () => {
  const session = new ModelerSession(BRANCHED);
  const { graph } = session.getState();
  const problems = [
    problem(`${SPEC}.network.layers[1].name`), problem(`${SPEC}.network.layers[2].units`), problem("no field", { layer: 5 }),
    problem(`${SPEC}.training.outputs[1].loss`), problem("metadata.name"), problem("", { line: 3 }),
  ];
  const findings = findingsOf(answer({ problems }), graph);
  expect(session.apply(removeLayers(["layer-1"]))).toBeNull();
  expect(session.apply(renameLayer("layer-6", "digit_2"))).toBeNull();
  // The third layer is the second one now, and the problem of a line is of no line of this text.
  expect(movedProblems(findings, session.getState().graph).map(({ node, path }) => [node, path])).toEqual([
    ["layer-2", `${SPEC}.network.layers[1].units`], ["layer-5", "no field"], [null, "metadata.name"],
  ]);
});
