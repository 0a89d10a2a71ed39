// The parameters of a search: rows of a table, and suggestions from the network and the training. Pure.
import { YAMLSeq, isSeq, type Document } from "yaml";
import { field, listField } from "../run/objectFields";
import { asRecord, set } from "./document";

export type Domain = "float" | "int" | "values";

export interface Parameter {
  name: string;
  paths: string[];
  domain: Domain;
  min: string;
  max: string;
  isLog: boolean;
  values: string[];
  /** The condition, in words; empty without one. */
  when: string;
}

/** Returns the parameters of an Experiment's spec. */
export function parametersOf(search: Record<string, unknown>): Parameter[] {
  return listField(search, "parameters").map((each) => {
    const domain: Domain = "float" in each ? "float" : "int" in each ? "int" : "values";
    const range = asRecord(each[domain]);
    return {
      name: text(each["name"]),
      paths: texts(each["paths"]),
      domain,
      min: text(range["min"]),
      max: text(range["max"]),
      isLog: range["scale"] === "Log",
      values: texts(each["values"]),
      when: conditionOf(each["when"]),
    };
  });
}

function conditionOf(when: unknown): string {
  const parameter = text(field(when, "parameter"));
  return parameter && `only if ${parameter} is ${texts(field(when, "values")).join(" or ")}`;
}

export interface Suggestion {
  path: string;
  name: string;
  /** The parameter as the spec has it. */
  range: Record<string, unknown>;
}

/** Returns numbers and classes of a TrainingJob that a search may change, with ranges around their values. */
export function suggestionsOf(job: Record<string, unknown>, taken: readonly string[]): Suggestion[] {
  const found = [...trainingSuggestions(job), ...layerSuggestions(job)];
  return found.filter(({ path }) => !taken.includes(path));
}

function trainingSuggestions(job: Record<string, unknown>): Suggestion[] {
  const rate = field(job, "training.optimizer.learning_rate");
  const batch = field(job, "training.batchSize");
  return [
    { path: "training.optimizer.learning_rate", name: "learningRate", range: typeof rate === "number" && rate > 0 ? around(rate, 10) : LEARNING_RATES },
    { path: "training.batchSize", name: "batchSize", range: { values: [0.5, 1, 2].map((factor) => String(Math.max(1, Math.round((typeof batch === "number" ? batch : 32) * factor)))) } },
    { path: "training.optimizer.name", name: "optimizer", range: { values: ["Adam", "SGD"] } },
  ];
}

const LEARNING_RATES = { float: { min: "1e-4", max: "1e-1", scale: "Log" } };

function layerSuggestions(job: Record<string, unknown>): Suggestion[] {
  const layers = listField(job, "network.layers");
  const last = layers.length - 1;
  return layers.flatMap((layer, index) => {
    const type = text(layer["layer"]);
    const own = text(layer["name"]);
    // The last layer has a unit for each class: a search must not change it.
    if (index === last) return [];
    return Object.entries(layer).flatMap(([argument, value]) => {
      const range = typeof value !== "number" || argument === "scale" ? undefined : Number.isInteger(value) ? wholeRange(value) : fraction(value);
      if (!range) return [];
      const path = `network.layers[${own || index}].${argument}`;
      return [{ path, name: identifier(`${own || type}_${argument}`, own ? "" : `_${index}`), range }];
    });
  });
}

function wholeRange(value: number): Record<string, unknown> | undefined {
  if (value < 1) return undefined;
  const min = Math.max(1, Math.floor(value / 2));
  return { int: { min, max: value * 2, ...(min > 1 && value % min === 0 ? { step: min } : {}) } };
}

function fraction(value: number): Record<string, unknown> | undefined {
  if (value <= 0) return undefined;
  return value < 1 ? { float: { min: decimal(value / 2), max: decimal(Math.min(value * 2, (1 + value) / 2)) } } : around(value, 2);
}

function around(value: number, factor: number): Record<string, unknown> {
  return { float: { min: decimal(value / factor), max: decimal(value * factor), scale: "Log" } };
}

function decimal(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function identifier(words: string, suffix: string): string {
  const name = words.replace(/[^A-Za-z0-9_]/gu, "_").replace(/^[^A-Za-z]+/u, "");
  return `${name || "parameter"}${suffix}`.slice(0, 63);
}

/** Adds a parameter, under a name that no other has. */
export function addParameter(document: Document, search: Record<string, unknown>, { path, name, range }: Suggestion): void {
  const names = new Set(parametersOf(search).map((each) => each.name));
  let free = name;
  for (let number = 2; names.has(free); number += 1) free = `${name}_${number}`;
  const at = ["spec", "parameters"];
  if (!isSeq(document.getIn(at, true))) {
    set(document, at, {});
    document.setIn(at, new YAMLSeq(document.schema));
  }
  document.addIn(at, document.createNode({ name: free, paths: [path], ...range }, { flow: true }));
}

/** Removes a parameter, and the conditions of others on it. */
export function removeParameter(document: Document, search: Record<string, unknown>, index: number): void {
  const all = listField(search, "parameters");
  const name = all[index]?.["name"];
  all.forEach((each, other) => {
    if (field(each, "when.parameter") === name) set(document, ["spec", "parameters", other, "when"], undefined);
  });
  document.deleteIn(["spec", "parameters", index]);
  if (all.length === 1) set(document, ["spec", "parameters"], undefined);
}

/** Changes the kind of values of a parameter. */
export function chooseDomain(document: Document, index: number, old: Parameter, domain: Domain): void {
  const path = ["spec", "parameters", index];
  for (const each of ["float", "int", "values"]) set(document, [...path, each], undefined);
  const [low, high] = old.domain === "values" ? [old.values[0] ?? "0", old.values.at(-1) ?? "1"] : [old.min, old.max];
  const value = {
    float: { min: low, max: high },
    int: { min: Math.round(Number(low)) || 0, max: Math.round(Number(high)) || 1 },
    values: [...new Set([low, high])],
  }[domain];
  set(document, [...path, domain], value);
}

/** Returns the metrics that an objective may name: Keras prefixes those of the validation. */
export function objectiveMetrics(job: Record<string, unknown>): string[] {
  const metrics = field(job, "training.metrics");
  const names = Array.isArray(metrics) ? metrics.filter((each): each is string => typeof each === "string") : [];
  const all = [...names, "loss"];
  return field(job, "data.validation") === undefined ? all : [...all.map((name) => `val_${name}`), ...all];
}

function text(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(text) : [];
}
