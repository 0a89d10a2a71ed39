import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readYaml } from "../../modeler/document/parse";
import { blank, edit, read, set, type View } from "./document";
import { prepare, takeNetwork, toExperiment, toTrainingJob, withSuspend } from "./convert";

const example = (name: string) => readFileSync(join(import.meta.dirname, "../../../../manifests/examples", `${name}.yaml`), "utf8");
const DIGITS = example("digits");

function view(text: string): View {
  const found = read(text);
  if (typeof found === "string") throw new Error(found);
  return found;
}

test.each(["digits", "mnist", "mnist-gpu", "mnist-search"])("%s.yaml stays as it is after an edit of nothing", (name) => {
  expect(edit(example(name), () => undefined)).toBe(example(name).replaceAll(/ {2,}#/gu, " #"));
});

test("an edit changes its line alone", () => {
  const changed = edit(DIGITS, (document) => set(document, ["spec", "training", "epochs"], 12));
  expect(changed).toBe(DIGITS.replace("epochs: 8", "epochs: 12"));
});

test("a scalar that needs arguments becomes a mapping, and a removed field takes empty mappings with it", () => {
  const text = edit(DIGITS, (document) => {
    set(document, ["spec", "training", "checkpoint", "keep"], 5);
    set(document, ["spec", "training", "checkpoint", "keep"], undefined);
    set(document, ["spec", "results", "prefix"], "a/");
  });
  expect(text).toBe(DIGITS.replace("bucket: digits-results\n", "bucket: digits-results\n    prefix: a/\n"));
});

test("added fields take their usual place", () => {
  const text = edit(blank("team-a"), (document) => {
    set(document, ["spec", "results", "bucket"], "r");
    set(document, ["spec", "data", "train", "object"], "a.npz");
    set(document, ["spec", "storage", "secretRef", "name"], "keys");
    set(document, ["spec", "data", "bucket"], "d");
  });
  expect(text).toBe(
    `${blank("team-a")}  storage:\n    secretRef: {name: keys}\n  data:\n    bucket: d\n    train: {object: a.npz}\n  results:\n    bucket: r\n`,
  );
});

test("texts that YAML 1.1 reads as another type are quoted", () => {
  expect(edit(blank("a"), (document) => set(document, ["metadata", "name"], "on"))).toContain('name: "on"');
  expect(edit(blank("a"), (document) => set(document, ["spec", "data", "validation", "split"], "0.2"))).toContain('split: "0.2"');
});

test("a template is prepared for the namespace, with its comments", () => {
  const text = prepare(DIGITS, "vision");
  expect(text.startsWith("# Trains in seconds")).toBe(true);
  expect(view(text)).toMatchObject({ name: "digits", namespace: "vision", job: { suspend: true } });
  expect(view(withSuspend(text, false)).job["suspend"]).toBe(false);
});

test("another network replaces the network, and a training is kept", () => {
  const text = takeNetwork(DIGITS, example("mnist-search"));
  expect(view(text).job["network"]).toEqual(view(example("mnist-search")).job["network"]);
  expect(view(text).job["training"]).toEqual(view(DIGITS).job["training"]);
  const filled = view(takeNetwork(blank("a"), DIGITS));
  expect([filled.job["network"], filled.job["training"]]).toEqual([view(DIGITS).job["network"], view(DIGITS).job["training"]]);
  expect(takeNetwork("a: [", DIGITS)).toBe("a: [");
});

test("a search around a TrainingJob, off and on again", () => {
  const started = toExperiment(prepare(DIGITS, "vision"), "val_accuracy", null);
  const found = view(started);
  expect(found.kind).toBe("Experiment");
  expect(found.search).toMatchObject({ objective: { metric: "val_accuracy", goal: "Maximize" }, suspend: true, maxTrials: 10 });
  expect(found.job).toEqual(view(DIGITS).job);
  expect(started).toContain("# Trains in seconds");
  const changed = edit(started, (document) => set(document, ["spec", "maxTrials"], 40));
  const back = toTrainingJob(changed);
  expect(view(back).job).toEqual({ ...view(DIGITS).job, suspend: true });
  expect(view(toExperiment(back, "val_loss", changed)).search).toMatchObject({ maxTrials: 40, objective: { metric: "val_accuracy" } });
});

test("the labels of the trials and the time until the deletion survive a search that is off for a while", () => {
  const labels = edit(toExperiment(edit(DIGITS, (document) => set(document, ["spec", "ttlSecondsAfterFinished"], 60)), "loss", null), (document) => {
    set(document, ["spec", "template", "metadata", "labels", "team"], "vision");
  });
  expect(view(labels).search).toMatchObject({ ttlSecondsAfterFinished: 60 });
  expect(view(labels).job).not.toHaveProperty("ttlSecondsAfterFinished");
  const off = toTrainingJob(labels);
  expect(view(off).job).toMatchObject({ ttlSecondsAfterFinished: 60 });
  const changed = edit(off, (document) => set(document, ["spec", "ttlSecondsAfterFinished"], 90));
  expect(view(toExperiment(changed, "loss", labels)).search).toMatchObject({ ttlSecondsAfterFinished: 90, template: { metadata: { labels: { team: "vision" } } } });
  const without = edit(off, (document) => set(document, ["spec", "ttlSecondsAfterFinished"], undefined));
  expect(view(toExperiment(without, "loss", labels)).search).not.toHaveProperty("ttlSecondsAfterFinished");
});

test.each([
  ["a: [", /^The YAML cannot be read/u],
  ["- 1", /no mapping/u],
  ["kind: Pod", /no TrainingJob/u],
  [`a: &a [x]\nb: &b [${"*a,".repeat(60)}]\nc: &c [${"*b,".repeat(60)}]\nd: [${"*c,".repeat(60)}]`, /cannot be read/u],
  [`a: ${"[".repeat(60_000)}`, /nested too deep/u],
  [`a:\n  ${"- ".repeat(40_000)}`, /nested too deep/u],
  ["kind: TrainingJob\na: &a\n  b: *a\n", /line 3: The alias \*a is inside of its own anchor/u],
  ["kind: TrainingJob\na: 1\na: 2\n", /line 3: The key a is there already/u],
  ["kind: TrainingJob\nspec:\n  training: {seed: 9007199254740993}\n", /line 3: spec.training.seed is 9007199254740993/u],
])("the text %.20s is refused with a reason", (text, reason) => {
  expect(read(text)).toMatch(reason);
});

const SCALARS: [string, unknown, string][] = [
  ["no", false, "no"], ["On", true, "On"], ["1e3", 1000, "1e+3"], ["010", 8, "010"], ["0x10", 16, "0x10"],
  ["0o17", "0o17", '"0o17"'], ["1:30", "1:30", '"1:30"'], ["e1", "e1", '"e1"'], ["08", "08", '"08"'], ["y", "y", '"y"'], ["2001-01-01", "2001-01-01", '"2001-01-01"'],
];

test.each(SCALARS)("the plain %s is the same as in the modeler, and for kubectl, also after an edit", (text, value, written) => {
  const document = `kind: TrainingJob\nspec:\n  training:\n    seed: ${text}\n`;
  expect(view(document).job["training"]).toEqual({ seed: value });
  const edited = edit(document, (nodes) => set(nodes, ["spec", "training", "epochs"], 3));
  expect(edited).toContain(`seed: ${written}\n`);
  expect(view(edited).job["training"]).toEqual({ seed: value, epochs: 3 });
  expect(readYaml(edited).value).toMatchObject({ spec: { training: { seed: value } } });
});

test.each(["2026-12-02", "2026-12-02T10:00:00Z", "=", "<<", "a\tb", "a\u0085b", "a\u2028b", "?a", ":a", "a, b", "-", "~", "", "a\nb"])("the text %j of a form is quoted, in a block and in a line, and after a reload", (value) => {
  const text = edit(DIGITS, (nodes) => {
    set(nodes, ["spec", "results", "prefix"], value);
    set(nodes, ["spec", "data", "train", "object"], value);
    set(nodes, ["spec", "scheduling", "nodeSelector"], { zone: value, [`${value}x`]: "a" });
  });
  const written = JSON.stringify(value).replace("\u0085", "\\u0085").replace("\u2028", "\\u2028");
  // The nodes of the last text are kept: another edit lets the next one parse the text.
  edit(DIGITS, (nodes) => set(nodes, ["spec", "suspend"], false));
  for (const found of [text, edit(text, (nodes) => set(nodes, ["spec", "training", "epochs"], 3))]) {
    expect(found).toContain(`prefix: ${written}\n`);
    expect(found).toContain(`object: ${written}`);
    expect(found).toContain(`{zone: ${written}, `);
    expect(readYaml(found).value).toMatchObject({ spec: { results: { prefix: value }, data: { train: { object: value } }, scheduling: { nodeSelector: { zone: value, [`${value}x`]: "a" } } } });
  }
});

test("a plain text of a form stays plain", () => {
  expect(edit(DIGITS, (nodes) => set(nodes, ["spec", "results", "prefix"], "runs/2026-12-02/"))).toContain("prefix: runs/2026-12-02/\n");
});

test("merged fields and anchors are read, and stay", () => {
  const document = "kind: TrainingJob\nspec:\n  a: &a {x: 1, y: 2}\n  b: {<<: *a, y: 3}\n";
  expect(view(document).job["b"]).toEqual({ x: 1, y: 3 });
  expect(edit(document, (nodes) => set(nodes, ["spec", "suspend"], true))).toBe(`${document.replaceAll("y:", '"y":')}  suspend: true\n`);
});

test("an edit of an earlier text is not one of the last text", () => {
  const first = edit(DIGITS, (document) => set(document, ["spec", "training", "epochs"], 12));
  const second = edit(first, (document) => set(document, ["spec", "training", "seed"], 1));
  expect(edit(first, (document) => set(document, ["spec", "training", "seed"], 1))).toBe(second);
  expect(view(first).job["training"]).toMatchObject({ epochs: 12, seed: 7 });
  expect(() => edit(second, () => { throw new Error("fails"); })).toThrow("fails");
  expect(view(second).job["training"]).toMatchObject({ epochs: 12, seed: 1 });
  // Nodes that were edited, formatted and edited again have the text of nodes that were parsed.
  expect(edit(`${second}`, () => undefined)).toBe(second);
});

test("a search that is turned off leaves one time to live, also if its template has one", () => {
  const text = "kind: Experiment\nspec:\n  ttlSecondsAfterFinished: 5\n  template:\n    spec:\n      ttlSecondsAfterFinished: 7\n      training: {epochs: 3}\n";
  expect(view(toTrainingJob(text)).job).toEqual({ ttlSecondsAfterFinished: 5, training: { epochs: 3 }, suspend: true });
});

test("aliases become their values if the part with their anchor goes", () => {
  const search = "kind: Experiment\nspec:\n  parallelism: &n 2\n  maxTrials: *n\n  template:\n    spec:\n      network:\n        layers: [&d {layer: Dense, units: *n}, *d]\n";
  const network = { layers: [{ layer: "Dense", units: 2 }, { layer: "Dense", units: 2 }] };
  const job = "kind: TrainingJob\nspec:\n  data: {bucket: &n x}\n  training: {epochs: 1, loss: *n}\n";
  expect(view(toTrainingJob(search)).job).toEqual({ network, suspend: true });
  expect(view(takeNetwork(job, search)).job).toEqual({ data: { bucket: "x" }, training: { epochs: 1, loss: "x" }, network });
  expect(view(toExperiment(job, "loss", search)).search).toMatchObject({ parallelism: 2, maxTrials: 2 });
  expect(edit(job, (document) => set(document, ["spec", "data"], undefined))).toBe("kind: TrainingJob\nspec:\n  training: {epochs: 1, loss: x}\n");
  // Other edits keep them.
  expect(edit(job, (document) => set(document, ["spec", "training", "epochs"], 2))).toBe(job.replace("epochs: 1", "epochs: 2"));
});

test("a field of an alias changes there alone, with all other fields", () => {
  const text = "kind: TrainingJob\nspec:\n  first: &t {epochs: 1, loss: x}\n  training: *t\n";
  const at = (value: unknown) => view(edit(text, (document) => set(document, ["spec", "training", "epochs"], value))).job;
  expect(at(5)).toEqual({ first: { epochs: 1, loss: "x" }, training: { epochs: 5, loss: "x" } });
  expect(at(undefined)).toEqual({ first: { epochs: 1, loss: "x" }, training: { loss: "x" } });
});
