import { describe, expect, test } from "vitest";
import { makeRun } from "../../testing/runs";
import type { RunDetail, RunSummary } from "../../wire";
import { applicableActions, deletionEffects } from "./applicable";
import { differences, MAX_DIFFERENCES } from "./differences";
import { copyName, nameProblem, versionOf } from "./requests";

const ALL: RunDetail["permissions"] = ["suspend", "resume", "finish", "clone", "delete", "deploy", "log", "storage"];

function detail(summary: Partial<RunSummary>, spec: object = {}, permissions = ALL) {
  return { summary: makeRun(summary), object: { spec }, permissions };
}

describe("the actions of a run", () => {
  test.each([
    ["a running training", detail({}), ["suspend", "finish", "clone", "delete"]],
    ["a suspended training", detail({ state: "Suspended" }, { suspend: true }), ["resume", "finish", "clone", "delete"]],
    ["a training that finishes", detail({}, { finish: true }), ["suspend", "clone", "delete"]],
    ["an ended training", detail({ state: "Complete" }), ["clone", "delete"]],
    ["a server", detail({ kind: "ModelServer", state: "Ready" }), ["clone", "delete"]],
    ["a viewer", detail({}, {}, ["log"]), []],
    ["a broken object", { ...detail({ state: "Failed" }), object: { spec: null } }, ["clone", "delete"]],
  ])("%s", (_name, found, expected) => {
    expect(applicableActions(found)).toEqual(expected);
  });
});

test("a deletion names the results that stay", () => {
  const { summary } = detail({ state: "Complete" });
  const object = { status: { results: { uri: "s3://results/team-a/mnist" } } };
  expect(deletionEffects({ summary, object }).join(" ")).toContain("s3://results/team-a/mnist stay in the bucket");
  expect(deletionEffects({ summary, object: {} }).join(" ")).toContain("Results that are already in the bucket stay");
});

describe("the differences of two versions", () => {
  test("are fields of the spec, labels and annotations alone", () => {
    const before = { spec: { suspend: false, layers: [{ units: 1 }] }, metadata: { resourceVersion: "1" }, status: { epoch: 1 } };
    const after = { spec: { suspend: true, layers: [{ units: 2 }], finish: true }, metadata: { resourceVersion: "2", labels: { a: "b" } }, status: {} };
    expect(differences(before, after)).toEqual([
      { path: "spec.suspend", before: "false", after: "true" },
      { path: "spec.layers[0].units", before: "1", after: "2" },
      { path: "spec.finish", before: undefined, after: "true" },
      { path: "metadata.labels", before: undefined, after: '{"a":"b"}' },
    ]);
  });

  test("are bounded in number, depth and length", () => {
    const wide = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`field${index}`, index]));
    expect(differences({ spec: wide }, { spec: {} })).toHaveLength(MAX_DIFFERENCES);
    let deep: object = { leaf: "x".repeat(5_000) };
    for (let depth = 0; depth < 200; depth += 1) deep = { deep };
    const [found] = differences({ spec: deep }, { spec: { deep: { deep: 1 } } });
    expect(found?.before?.length).toBeLessThan(400);
  });
});

test.each([
  ["mnist", "mnist-copy"],
  ["mnist-copy", "mnist-copy-2"],
  ["mnist-copy-9", "mnist-copy-10"],
  ["a".repeat(63), `${"a".repeat(58)}-copy`],
])("the copy of %s is %s", (name, copy) => {
  expect(copyName(name)).toBe(copy);
  expect(nameProblem(copy)).toBe("");
});

test.each(["", "Mnist", "a b", "-a", "a".repeat(64)])("%j is no name", (name) => {
  expect(nameProblem(name)).not.toBe("");
});

test("the version of a stored object is that of its metadata", () => {
  expect(versionOf({ metadata: { resourceVersion: "7", generation: 3, uid: "u" } })).toEqual({ resourceVersion: "7", generation: 3, uid: "u" });
  expect(versionOf({})).toEqual({ resourceVersion: "", generation: 0, uid: "" });
});
