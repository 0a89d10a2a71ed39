import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { edit, read, type View } from "./document";
import { addParameter, chooseDomain, objectiveMetrics, parametersOf, removeParameter, suggestionsOf } from "./parameters";

const SEARCH = readFileSync(join(import.meta.dirname, "../../../../manifests/examples/mnist-search.yaml"), "utf8");

function view(text: string): View & { search: Record<string, unknown> } {
  const found = read(text);
  if (typeof found === "string" || !found.search) throw new Error(String(found));
  return { ...found, search: found.search };
}

test("the parameters of the example are rows", () => {
  const rows = parametersOf(view(SEARCH).search);
  expect(rows.map(({ name, domain }) => `${name}: ${domain}`)).toEqual(["optimizer: values", "learningRate: float", "momentum: float", "filters: int"]);
  expect(rows[1]).toMatchObject({ paths: ["training.optimizer.learning_rate"], min: "1e-4", max: "1e-1", isLog: true });
  expect(rows[2]?.when).toBe("only if optimizer is SGD");
});

test("suggestions come from the training and the layers, without those that are searched", () => {
  const { job } = view(SEARCH);
  const paths = suggestionsOf(job, ["training.batchSize"]).map(({ path }) => path);
  expect(paths).toEqual([
    "training.optimizer.learning_rate", "training.optimizer.name", "network.layers[conv].filters", "network.layers[conv].kernel_size", "network.layers[2].pool_size",
  ]);
  const [rate] = suggestionsOf(job, []);
  expect(rate?.range).toEqual({ float: { min: "0.001", max: "0.1", scale: "Log" } });
});

test("an added parameter gets a free name, in a line of its own", () => {
  const text = edit(SEARCH, (document) => addParameter(document, view(SEARCH).search, { path: "network.layers[2].pool_size", name: "filters", range: { int: { min: 2, max: 4 } } }));
  expect(text).toContain('  - {name: filters_2, paths: ["network.layers[2].pool_size"], int: {min: 2, max: 4}}\n');
  expect(parametersOf(view(text).search)).toHaveLength(5);
});

test("the first parameter of a search stands before the template", () => {
  const text = edit("kind: Experiment\nspec:\n  maxTrials: 3\n  template:\n    spec: {}\n", (document) =>
    addParameter(document, { maxTrials: 3 }, { path: "training.batchSize", name: "batchSize", range: { values: ["16"] } }),
  );
  expect(text).toBe('kind: Experiment\nspec:\n  maxTrials: 3\n  parameters:\n  - {name: batchSize, paths: [training.batchSize], values: ["16"]}\n  template:\n    spec: {}\n');
});

test("a removed parameter takes the conditions on it with it", () => {
  const text = edit(SEARCH, (document) => removeParameter(document, view(SEARCH).search, 0));
  const rows = parametersOf(view(text).search);
  expect(rows.map(({ name }) => name)).toEqual(["learningRate", "momentum", "filters"]);
  expect(rows[1]?.when).toBe("");
});

test.each([
  [3, "float", { float: { min: "8", max: "32" } }],
  [3, "values", { values: ["8", "32"] }],
  [1, "int", { int: { min: 0, max: 1 } }],
] as const)("parameter %i as %s", (index, domain, expected) => {
  const old = parametersOf(view(SEARCH).search)[index];
  if (!old) throw new Error("no parameter");
  const text = edit(SEARCH, (document) => chooseDomain(document, index, old, domain));
  expect((view(text).search["parameters"] as unknown[])[index]).toMatchObject(expected);
  expect(parametersOf(view(text).search)[index]?.domain).toBe(domain);
});

test("the objective is a metric of the training", () => {
  expect(objectiveMetrics(view(SEARCH).job)).toEqual(["val_accuracy", "val_loss", "accuracy", "loss"]);
  expect(objectiveMetrics({})).toEqual(["loss"]);
});
