// The document of a run: a TrainingJob, or an Experiment with one as its template. Its text is the only state of the
// forms: each edit is made in the parsed text, so that comments, order and notation of all other fields stay. Pure.
import { isAlias, isMap, isScalar, Schema, visit, YAMLMap, type Document, type Node, type ScalarTag } from "yaml";
import { readYaml } from "../../modeler/document/parse";
import { flow, inBlock, LINE_ENDS, quoted } from "../../modeler/document/stringify";
import { field } from "../run/objectFields";

export type Kind = "TrainingJob" | "Experiment";
export type Path = readonly (string | number)[];

type Tags = Schema["tags"];

/** Texts that another parser reads as another type, such as 0o17 or 2026-12-02, are written in quotes. */
const OTHER_TYPES: Tags = (["core", "yaml-1.1"] as const).flatMap((compat) => new Schema({ compat }).compat ?? []);
/** The order in which an added field takes its place. */
const ORDER: readonly string[] = [
  "apiVersion", "kind", "metadata", "spec", "name", "namespace", "suspend",
  "objective", "search", "schedule", "parallelism", "maxTrials", "parameters", "template",
  "storage", "secretRef", "data", "bucket", "prefix", "format", "train", "validation", "test",
  "network", "model", "code", "training", "epochs", "batchSize", "optimizer", "loss", "outputs", "metrics",
  "resources", "requests", "limits", "scheduling", "results",
];

/** A document that can be shown and edited. */
export interface View {
  kind: Kind;
  name: string;
  namespace: string;
  /** The spec of the TrainingJob; for an Experiment, that of its template. */
  job: Record<string, unknown>;
  /** The spec of the Experiment; null for a TrainingJob. */
  search: Record<string, unknown> | null;
}

/** Returns the content of a document, or why there is none. */
export function read(text: string): View | string {
  const parsed = nodesOf(text);
  if (typeof parsed === "string") return parsed;
  const content = valueOf(parsed);
  const kind = field(content, "kind");
  if (kind !== "TrainingJob" && kind !== "Experiment") return "The document is no TrainingJob and no Experiment.";
  return {
    kind,
    name: asText(field(content, "metadata.name")),
    namespace: asText(field(content, "metadata.namespace")),
    job: asRecord(field(content, kind === "Experiment" ? "spec.template.spec" : "spec")),
    search: kind === "Experiment" ? asRecord(field(content, "spec")) : null,
  };
}

/** Returns a document's nodes, or why its text is no YAML. */
export function parse(text: string): Document | string {
  const { nodes, root, problems } = readYaml(text);
  const [fault] = problems;
  if (fault) return `The YAML cannot be read: line ${fault.line ?? 1}: ${fault.message}`;
  if (!nodes || !isMap(root)) return "The document is no mapping.";
  nodes.schema.compat = OTHER_TYPES;
  nodes.schema.tags = nodes.schema.tags.map(withSafeTexts);
  return nodes;
}

/** Returns a tag that writes a changed text as the modeler does, for all parsers: the text =, <<, or a line end of YAML 1.1. */
function withSafeTexts(tag: Tags[number]): Tags[number] {
  const { stringify } = tag as ScalarTag;
  if (tag.tag === "tag:yaml.org,2002:merge") return { ...tag, identify: (value: unknown) => typeof value === "symbol" } as ScalarTag;
  if (tag.tag !== "tag:yaml.org,2002:str" || !stringify) return tag;
  return {
    ...tag,
    stringify(item, context, ...rest) {
      const text = item.value as string;
      if (item.source !== text) return context.inFlow === true || context.implicitKey === true ? flow(text) : inBlock(text);
      return LINE_ENDS.test(text) ? quoted(text) : stringify(item, context, ...rest);
    },
  } as ScalarTag;
}

/** Returns a document's nodes as `parse`, with the values of aliases in their place, so that each part can leave it. */
export function parseWithoutAliases(text: string): Document | string {
  const found = parse(text);
  if (typeof found === "string") return found;
  visit(found, {
    Alias: (_, alias) => {
      const copy = alias.resolve(found)?.clone() as Node | undefined;
      if (copy) visit(copy, { Node: (_, node) => void delete (node as { anchor?: string }).anchor });
      return copy;
    },
  });
  return found;
}

/** Returns the value of nodes. The parsed text has limited their aliases. */
function valueOf(nodes: Document): unknown {
  return nodes.toJS({ maxAliasCount: -1 });
}

/** Returns the text of a document in the style of Epochal's examples. */
function format(document: Document): string {
  return document.toString({ lineWidth: 0, indentSeq: false, flowCollectionPadding: false });
}

/** The nodes of the last edited text: to parse a network of 1,000 layers again takes longer than a key. */
let last: { text: string; document: Document } | null = null;

/** Returns the text after a change; the same text if it cannot be read. */
export function edit(text: string, change: (document: Document) => void): string {
  const document = nodesOf(text);
  if (typeof document === "string") return text;
  // A change that fails must not leave its nodes for the next one.
  last = null;
  try {
    return changed(document, change);
  } catch {
    // The change has removed the anchor of an alias, or leads through an alias.
    const whole = parseWithoutAliases(text);
    return typeof whole === "string" ? text : changed(whole, change);
  }
}

function changed(document: Document, change: (document: Document) => void): string {
  change(document);
  const text = format(document);
  last = { text, document };
  return text;
}

function nodesOf(text: string): Document | string {
  return last?.text === text ? last.document : parse(text);
}

/** Returns the path of a TrainingJob's spec within a document. */
export function jobPath(kind: Kind): Path {
  return kind === "Experiment" ? ["spec", "template", "spec"] : ["spec"];
}

/** Sets a field; undefined removes it, with the mappings that it leaves empty. */
export function set(document: Document, path: Path, value: unknown): void {
  // `edit` tries again without aliases: a field of an alias would be one of its anchor.
  if (path.some((_, end) => isAlias(document.getIn(path.slice(0, end), true)))) throw new Error("The path leads through an alias.");
  if (value === undefined) remove(document, path);
  else place(document, path, value);
}

function place(document: Document, path: Path, value: unknown): void {
  const key = path.at(-1);
  if (key === undefined) return;
  const parentPath = path.slice(0, -1);
  if (typeof key === "number") {
    document.setIn(path, document.createNode(value, { flow: true }));
    return;
  }
  const parent = mapping(document, parentPath);
  const present = parent.get(key, true);
  if (isScalar(present) && (typeof value !== "object" || value === null)) {
    // The same node keeps its comment; a notation such as quotes belongs to the old value.
    const scalar = document.createNode(value);
    if (isScalar(scalar)) {
      present.value = scalar.value;
      delete present.type;
      delete present.format;
      delete present.minFractionDigits;
      delete present.source;
      return;
    }
  }
  const isNew = !parent.has(key);
  parent.set(key, document.createNode(value, { flow: parentPath.length > 0 && typeof value === "object" }));
  if (isNew) reorder(parent, key);
}

/** Returns the mapping at a path, which is made if there is none. */
function mapping(document: Document, path: Path): YAMLMap {
  const found: unknown = path.length === 0 ? document.contents : document.getIn(path, true);
  if (isMap(found)) return found;
  const made = new YAMLMap(document.schema);
  const key = path.at(-1);
  if (typeof key === "number") {
    document.setIn(path, made);
  } else if (key !== undefined) {
    const parent = mapping(document, path.slice(0, -1));
    const isNew = !parent.has(key);
    // Small mappings stand in a line, as in the examples.
    made.flow = parent.flow === true || IN_A_LINE.has(key);
    parent.set(key, made);
    if (isNew) reorder(parent, key);
  }
  return made;
}

const IN_A_LINE = new Set(["secretRef", "caConfigMapRef", "train", "validation", "test", "requests", "limits", "checkpoint", "monitor", "objective", "schedule", "optimizer"]);

/** Moves a new last key to its place among those of ORDER. */
function reorder(parent: YAMLMap, key: string): void {
  const rank = ORDER.indexOf(key);
  if (rank < 0) return;
  const next = parent.items.findIndex(({ key: other }) => ORDER.indexOf(String(other)) > rank);
  const added = parent.items.at(-1);
  if (next < 0 || !added) return;
  parent.items.splice(parent.items.length - 1, 1);
  parent.items.splice(next, 0, added);
}

function remove(document: Document, path: Path): void {
  if (!document.hasIn(path)) return;
  document.deleteIn(path);
  const parent = path.slice(0, -1);
  // The spec itself stays, also without fields.
  if (parent.length < 2) return;
  const left: unknown = document.getIn(parent, true);
  if (isMap(left) && left.items.length === 0) remove(document, parent);
}

/** Returns a path of a form, such as training.epochs, as keys. */
export function keysOf(path: string): string[] {
  return path.split(".");
}

/** Returns a document without a network or data, for forms that are filled in any order. */
export function blank(namespace: string): string {
  return edit(BLANK, (document) => set(document, ["metadata", "namespace"], namespace));
}

const BLANK = `apiVersion: epochal.dev/v1alpha1\nkind: TrainingJob\nmetadata:\n  name: new-run\nspec:\n  suspend: true\n`;

/** Returns the parts of a document that users change, to compare them with those of a stored object. */
export function contentOf(text: string): Record<string, unknown> {
  const parsed = nodesOf(text);
  if (typeof parsed === "string") return {};
  const { spec, metadata } = asRecord(valueOf(parsed));
  return { spec, metadata };
}

function asText(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

export function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
