import { expect, test } from "vitest";
import { MAX_YAML } from "../../wire";
import { BRANCHED, example, EXAMPLES } from "../testing";
import { parseDocument, rangeOf, readYaml, specOf } from "./parse";

const NETWORK = "kind: TrainingJob\nspec:\n  network:\n    layers:\n    - {layer: Dense}\n";

test.each(EXAMPLES)("the example %s has no faults", (name) => {
  const { document, problems } = parseDocument(example(name));
  expect(problems).toEqual([]);
  expect(document && specOf(document)["network"]).toBeDefined();
});

test("an Experiment has the spec of its template, and paths have lines", () => {
  const { document } = parseDocument(BRANCHED);
  if (!document) throw new Error("broken");
  expect(document.kind).toBe("Experiment");
  const path = [...document.specPath, "network", "layers", 1, "name"];
  expect(rangeOf(document, path)?.line).toBe(BRANCHED.split("\n").findIndex((line) => line.includes("name: flat")) + 1);
  expect(rangeOf(document, [...path, "missing"])?.line).toBe(rangeOf(document, path)?.line);
});

test.each([
  ["a: [1", 1, ""],
  ["a: 1\nb: 2\na: 3\n", 3, "The key a is there already"],
  ["a: 1\n---\nb: 2\n", 2, "several documents"],
  ["", 1, "empty"],
  ["- 1\n", 1, "no object"],
  ["a: *b\n", 1, ""],
  ["a: &b\n  c: *b\n", 2, "cycle"],
  ["a: !python/object:os.system x\n", 1, ""],
  ["a: !!binary aGk=\n", 1, ""],
  ["? [1, 2]\n: 3\n", 1, "must be text"],
  ["kind: ModelServer\n", 1, "TrainingJob or Experiment"],
  ["kind: TrainingJob\nspec:\n  network:\n    layers: 3\n", 4, "must be a list"],
  ["kind: TrainingJob\nspec: 3\n", 2, "must be an object"],
])("the fault of %j is in line %i", (text, line, message) => {
  const { document, problems } = parseDocument(text);
  expect(document).toBeNull();
  expect(problems[0]?.line).toBe(line);
  expect(problems[0]?.message).toContain(message);
});

test("a broken text keeps its readable part", () => {
  const { document, partial, problems } = parseDocument(`${NETWORK}  training: {epochs: 1\n`);
  expect(document).toBeNull();
  expect(problems.length).toBeGreaterThan(0);
  expect(partial && specOf(partial)["network"]).toEqual({ layers: [{ layer: "Dense" }] });
});

test.each([
  ["too many characters", "x".repeat(MAX_YAML + 1), "characters"],
  ["brackets a hundred thousand deep", "[".repeat(MAX_YAML), "too deep"],
  ["maps a hundred thousand deep", "{a: ".repeat(MAX_YAML / 4), "too deep"],
  ["dashes a hundred thousand deep", "- ".repeat(MAX_YAML / 2), "too deep"],
  ["questions a hundred thousand deep", "? ".repeat(MAX_YAML / 2), "too deep"],
  ["indents", Array.from({ length: 300 }, (_, depth) => `${" ".repeat(depth)}a:`).join("\n"), "levels"],
  ["a billion laughs", `a0: &a0 [x, x]\n${Array.from({ length: 40 }, (_, level) => `a${level + 1}: &a${level + 1} [*a${level}, *a${level}]`).join("\n")}`, "values"],
  ["30,000 outputs", `${NETWORK}    outputs: [${"a,".repeat(30_000)}]\n`, "30,000 outputs. At most 16"],
  ["17 inputs", `${NETWORK}    inputs: [${"a,".repeat(17)}]\n`, "17 inputs. At most 16"],
  ["1,001 layers", NETWORK + "    - {layer: Dense}\n".repeat(1000), "1,001 layers"],
])("%s are bounded, with a message", (_, text, message) => {
  const { document, problems } = parseDocument(text);
  expect(document).toBeNull();
  expect(problems[0]?.message).toContain(message);
  expect(problems.length).toBeLessThanOrEqual(50);
});

test("many keys and many faults need linear time and are bounded", () => {
  const keys = Array.from({ length: 12_000 }, (_, index) => `k${index}: 1`).join("\n");
  expect(parseDocument(keys).problems).toEqual([]);
  expect(parseDocument("a: 1\n".repeat(20_000)).problems).toHaveLength(50);
});

test("values are those of kubectl", () => {
  const { value } = readYaml("a: 1e-3\nb: yes\nc: 2001-01-01\nd: \"1\"\n__proto__: 1\nf: {<<: {x: 1, y: 2}, y: 3}\n0: zero\n");
  expect(value).toMatchObject({ a: 0.001, b: true, c: "2001-01-01", d: "1", f: { x: 1, y: 3 }, "0": "zero" });
  expect(Object.keys(value as object)).toContain("__proto__");
});

test.each([
  ["kind: TrainingJob\nspec:\n  network:\n    layers:\n    - {layer: Dropout, seed: 9007199254740993}\n", "spec.network.layers[0].seed is 9007199254740993."],
  ['{"kind": "TrainingJob", "spec": {"training": {"seed": -18446744073709551616}}}', "spec.training.seed is -18446744073709551616."],
  ["kind: TrainingJob\nspec: {training: {seed: 0x20000000000001}}\n", "spec.training.seed is 0x20000000000001."],
])("an integer that would be rounded is refused with its field: %s", (text, message) => {
  expect(parseDocument(text).problems[0]?.message).toContain(message);
});

test.each(["9007199254740991", "1e300", "9007199254740993.0", ".inf"])("the number %s is read", (text) => {
  expect(readYaml(`a: ${text}\n`).problems).toEqual([]);
});

// As epochal_api.documents.Loader reads them.
const TEXTS = "e1 E2 e-5 .e3 y n Y N 1:30 -1:30 1:30.5 190:20:30 0o7 08 019 0_9 1_0e3 1_0.5e3 -.5 +.5 . -. ._ ._5 -_ _".split(" ");

test.each(TEXTS)("the plain %s is a text, as in the back end", (text) => {
  expect(readYaml(`a: ${text}\nb: [${text}]\n`)).toMatchObject({ value: { a: text, b: [text] }, problems: [] });
});

test.each<[string, number | boolean | null]>([
  ["yes", true], ["No", false], ["on", true], ["OFF", false], ["true", true], ["null", null], ["~", null], ["", null],
  ["1e3", 1000], ["1E3", 1000], ["1e+3", 1000], ["1.5e3", 1500], [".5e3", 500], ["-.5e3", -500], ["-1e-3", -0.001], ["1_0.5e+3", 10500],
  ["0x10", 16], ["-0x1f", -31], ["010", 8], ["+010", 8], ["0b11", 3], ["0", 0], ["+5", 5], ["1_000", 1000], ["1_", 1], [".5", 0.5], ["5.", 5], ["1._5", 1.5],
  [".inf", Infinity], ["-.inf", -Infinity], [".NaN", NaN],
])("the plain %j is %j, as in the back end", (text, value) => {
  expect(readYaml(`a: ${text}\n`).value).toEqual({ a: value });
});
