// A TrainingJob or an Experiment as YAML: its nodes with their places in the text, and its values.
//
// Only faults that make a drawing impossible are found here. The rules of the API are those of the back end alone.
import { LineCounter, parseDocument as parseYaml, type Document, type ParsedNode, type Tags } from "yaml";
import type { DocumentProblem } from "../../wire";
import { MAX_OUTPUTS, MAX_YAML } from "../../wire";
import { getIn, isList, isObject, pathText, type Json, type JsonObject, type Path } from "../json";
import { build, TooLarge, type Fault } from "./build";
import { nodeAt } from "./nodes";

export const MAX_LAYERS = 1000;
/** The greatest number of items in each list of a network. */
const MAX_ITEMS = { layers: MAX_LAYERS, inputs: MAX_OUTPUTS, outputs: MAX_OUTPUTS };
const MAX_PROBLEMS = 50;
/** More nesting than this is refused before the parser, which recurses. */
const MAX_BRACKETS = 200;
const NOT_JSON = new Set(["binary", "omap", "pairs", "set", "timestamp"].map((name) => `tag:yaml.org,2002:${name}`));

export interface ModelerDocument {
  text: string;
  value: JsonObject;
  kind: "TrainingJob" | "Experiment";
  /** The spec of the TrainingJob: spec, or spec.template.spec of an Experiment. */
  specPath: Path;
  root: ParsedNode;
  lines: LineCounter;
}

export interface ParsedText {
  /** Null if the text has faults. */
  document: ModelerDocument | null;
  /** As much of the document as is readable despite its faults, to show it; never to edit it. */
  partial: ModelerDocument | null;
  problems: DocumentProblem[];
}

export interface ReadYaml {
  value: Json;
  /** The nodes, to edit them; null if there are none. */
  nodes: Document.Parsed | null;
  root: ParsedNode | null;
  lines: LineCounter;
  /** Without problems, `value` is complete. */
  problems: DocumentProblem[];
}

/** Returns the document of a text, or its faults with their lines. */
export function parseDocument(text: string): ParsedText {
  const { value, root, lines, problems } = readYaml(text);
  if (!root || !isObject(value)) return failed(problems.length > 0 ? problems : [{ path: "", message: "It is empty or no object: write apiVersion, kind, metadata and spec.", line: 1 }]);
  const isExperiment = value["kind"] === "Experiment" || (value["kind"] === undefined && getIn(value, ["spec", "template"]) !== undefined);
  const specPath = isExperiment ? ["spec", "template", "spec"] : ["spec"];
  const document: ModelerDocument = { text, value, kind: isExperiment ? "Experiment" : "TrainingJob", specPath, root, lines };
  for (const { path, message } of undrawable(document)) problems.push({ path: pathText(path), message, line: rangeOf(document, path)?.line ?? 1 });
  return problems.length > 0 ? { document: null, partial: document, problems } : { document, partial: document, problems };
}

/** Returns the value of any YAML as kubectl and the back end read it, within the bounds of a document. */
export function readYaml(text: string): ReadYaml {
  const lines = new LineCounter();
  const nothing = (fault: Fault): ReadYaml => ({ value: null, nodes: null, root: null, lines, problems: [toProblem(fault, lines)] });
  const tooLarge = sizeFault(text);
  if (tooLarge) return nothing(tooLarge);
  try {
    // Duplicate keys are found in linear time by `build`. The schema is that of kubectl and of the back end.
    const parsed = parseYaml(text, {
      keepSourceTokens: true, lineCounter: lines, prettyErrors: false, uniqueKeys: false,
      schema: "yaml-1.1", merge: true, customTags: withoutTypes, logLevel: "error",
    });
    const found: Fault[] = [...parsed.errors, ...parsed.warnings].map(({ pos, message }) => ({ offset: pos[0], message: plain(message) }));
    const { value, faults } = build(parsed.contents);
    const all = [...found, ...faults].sort((a, b) => a.offset - b.offset).slice(0, MAX_PROBLEMS);
    return { value, nodes: parsed, root: parsed.contents, lines, problems: all.map((fault) => toProblem(fault, lines)) };
  } catch (error) {
    if (error instanceof TooLarge) return nothing({ offset: error.offset, message: error.message });
    if (error instanceof RangeError) return nothing({ offset: 0, message: "It is nested too deep: use fewer levels." });
    throw error;
  }
}

/** Returns the spec of the TrainingJob. */
export function specOf({ value, specPath }: ModelerDocument): JsonObject {
  const spec = getIn(value, specPath);
  return isObject(spec) ? spec : {};
}

/** Returns the place of a field in the text, or of the nearest object around it; null in an empty document. */
export function rangeOf({ root, lines }: ModelerDocument, path: Path): { from: number; to: number; line: number } | null {
  const { key, node } = nodeAt(root, path);
  const from = (key ?? node).range?.[0];
  const to = node.range?.[1];
  return from === undefined || to === undefined ? null : { from, to: Math.max(from, to), line: lines.linePos(from).line };
}

/** Yields the parts that a drawing needs and cannot read. */
function* undrawable({ value, specPath }: ModelerDocument): Generator<{ path: Path; message: string }> {
  const kind = value["kind"];
  if (kind !== undefined && kind !== "TrainingJob" && kind !== "Experiment") yield { path: ["kind"], message: "The kind must be TrainingJob or Experiment." };
  for (const path of [...specPath.map((_, index) => specPath.slice(0, index + 1)), [...specPath, "network"], [...specPath, "training"]]) {
    const found = getIn(value, path) ?? null;
    if (found !== null && !isObject(found)) yield { path, message: "It must be an object." };
  }
  for (const [name, most] of Object.entries(MAX_ITEMS)) {
    const path = [...specPath, "network", name];
    const found = getIn(value, path) ?? null;
    if (found !== null && !isList(found)) yield { path, message: "It must be a list." };
    if (isList(found) && found.length > most) yield { path, message: `It has ${found.length.toLocaleString("en")} ${name}. At most ${most.toLocaleString("en")} are possible.` };
  }
}

function sizeFault(text: string): Fault | null {
  if (text.length > MAX_YAML) return { offset: 0, message: `It has ${text.length.toLocaleString("en")} characters. At most ${MAX_YAML.toLocaleString("en")} are possible.` };
  let depth = 0;
  for (let offset = 0; offset < text.length; offset++) {
    const character = text[offset];
    if (character === "[" || character === "{") depth++;
    else if (character === "]" || character === "}") depth = Math.max(0, depth - 1);
    // A list in a list on the same line: - - -
    if (depth > MAX_BRACKETS) return { offset, message: "It is nested too deep: use fewer levels." };
  }
  return /(?:[-?:][ \t]+){200}/u.test(text) ? { offset: 0, message: "It is nested too deep: use fewer levels." } : null;
}

function withoutTypes(tags: Tags): Tags {
  return tags.filter((tag) => typeof tag === "string" || !NOT_JSON.has(tag.tag));
}

function failed(problems: DocumentProblem[]): ParsedText {
  return { document: null, partial: null, problems };
}

function toProblem({ offset, message }: Fault, lines: LineCounter): DocumentProblem {
  return { path: "", message, line: Math.max(1, lines.linePos(offset).line) };
}

function plain(message: string): string {
  if (message.startsWith("Source contains multiple documents")) return "It has several documents: keep one, without lines of ---.";
  return /[.!?]$/u.test(message) ? message : `${message}.`;
}
