// The catalogue, a check, templates and stored documents for the modeler. The check knows the shapes of a few layers:
// enough to see each state of the page. The real one asks Keras.
import { readdirSync, readFileSync } from "node:fs";
import { isMap, isSeq, LineCounter, parseDocument } from "yaml";
import type { Checked, Exported, Imported, DocumentProblem, LayerShapes, RunDetail, RunSummary, Saved, Template, Templates } from "../src/wire";

const ROOT = new URL("../../", import.meta.url);

interface MockCatalogue {
  modules: Record<string, { classes: Record<string, MockClass> }>;
}

interface MockClass {
  refused?: string;
  alias?: string;
  arguments?: Record<string, { required?: boolean; type?: string }>;
}

interface StoredDocument {
  yaml: string;
  version: number;
}

/** Documents that were saved, by KIND/NS/NAME. */
const stored = new Map<string, StoredDocument>();

/** Why a request is refused: status, reason, message, remedy and the stored object. */
export type Refuse = (status: number, reason: string, message: string, remedy: string, current?: Record<string, unknown>) => Error;

export interface MockRuns {
  runs: Map<string, RunSummary>;
  announce: (run: RunSummary) => void;
  refuse: Refuse;
}

/** Answers a request of the modeler; returns undefined for another one. */
export function modelerRoute(method: string, parts: readonly string[], sent: Record<string, unknown>, rim: MockRuns): unknown {
  if (parts[0] === "catalogue") return parts.length === 1 ? catalogue() : classText(parts[1] ?? "", parts[2] ?? "");
  if (parts[0] === "check" && method === "POST") return check(String(sent["yaml"]));
  if (parts[0] === "templates") return { templates: templates() } satisfies Templates;
  if (parts[0] === "import" && method === "POST") return imported();
  if (parts[0] === "export" && method === "POST") return { files: [{ name: "network.py", text: "import keras\n" }] } satisfies Exported;
  if (parts[0] === "jobs" && method === "POST") return save(sent, rim);
  return undefined;
}

/** Any file becomes the first example, with the hints of an import that is not complete. */
function imported(): Imported {
  const yaml = templates()[0]?.yaml ?? "";
  return { yaml, warnings: ["The node Lambda has no counterpart."], placeholders: ["spec.data.bucket"], hasWeights: true };
}

/** Returns the details of a run with the document that was saved for it. */
export function withSaved(detail: RunDetail): RunDetail {
  const { kind, namespace, name } = detail.summary;
  const found = stored.get(`${kind}/${namespace}/${name}`);
  if (!found) return detail;
  const object = objectOf(found);
  return { ...detail, yaml: found.yaml, object };
}

function objectOf({ yaml, version }: StoredDocument): Record<string, unknown> {
  const object = parseDocument(yaml).toJS() as Record<string, unknown>;
  return { ...object, metadata: { ...(object["metadata"] as object), resourceVersion: String(version), generation: version } };
}

let read: MockCatalogue | undefined;

/** Returns the catalogue. The build of the image has this module, but not the file. */
function catalogue(): MockCatalogue {
  read ??= JSON.parse(readFileSync(new URL("api/src/epochal_api/catalogue/catalogue.json", ROOT), "utf8")) as MockCatalogue;
  return read;
}

function classText(module: string, name: string): { text: string; problem: null } {
  const found = catalogue().modules[module]?.classes[name];
  const names = Object.keys(found?.arguments ?? {});
  const text = found
    ? `${name} of ${module}.\n\nArgs:\n${names.map((each) => `    ${each}: An argument of ${name}.`).join("\n")}\n\nExample:\n\n>>> layer = ${name}()\n`
    : "";
  return { text, problem: null };
}

function templates(): Template[] {
  const folder = new URL("manifests/examples/", ROOT);
  return readdirSync(folder)
    .filter((file) => file.endsWith(".yaml"))
    .map((file) => ({ file, yaml: readFileSync(new URL(file, folder), "utf8") }))
    .filter(({ yaml }) => yaml.includes("kind: TrainingJob"))
    .map(({ file, yaml }) => {
      const name = file.replace(".yaml", "");
      const [first = ""] = /^# (.*)$/mu.exec(yaml)?.slice(1) ?? [];
      return { name, title: name, description: first, yaml };
    });
}

function save(sent: Record<string, unknown>, { runs, announce, refuse }: MockRuns): Saved {
  const yaml = String(sent["yaml"]);
  const document = parseDocument(yaml);
  if (document.errors[0]) throw refuse(422, "Invalid", document.errors[0].message, "Correct the document.");
  const object = document.toJS() as { kind: string; metadata?: { name?: string; namespace?: string }; spec?: { suspend?: boolean; storage?: unknown } };
  const namespace = object.metadata?.namespace ?? String(sent["namespace"]);
  const name = object.metadata?.name;
  if (!name) throw refuse(422, "Invalid", "metadata.name: a name is required.", "Type a name.");
  const broken = check(yaml).problems.find((each) => !each.isWarning);
  if (broken) throw refuse(422, "Invalid", `${broken.path}: ${broken.message}`, "Correct the field.");
  const key = `${object.kind}/${namespace}/${name}`;
  const found = stored.get(key);
  const run = runs.get(key);
  const version = sent["resourceVersion"] as string | null | undefined;
  if (run && !version) throw refuse(409, "AlreadyExists", `There is a ${object.kind} ${name} in ${namespace}.`, "Choose another name.");
  const current = found ? String(found.version) : run?.resourceVersion;
  if (run && version !== current) {
    throw refuse(409, "Conflict", `${name} has changed since you opened it.`, "Compare both versions, and decide again.", found ? objectOf(found) : { ...object, metadata: { ...object.metadata, resourceVersion: current } });
  }
  if (!sent["dryRun"]) {
    const summary = run ?? ({ ...(runs.values().next().value as RunSummary), kind: "TrainingJob", namespace, name, uid: `uid-${name}` } satisfies RunSummary);
    const next = Number(current ?? 0) + 1;
    Object.assign(summary, {
      state: object.spec?.suspend ? "Suspended" : "Queued", resourceVersion: String(next), generation: next, percent: 0, epoch: null, epochs: null,
      reason: "", warnings: 0, metrics: [], best: null, sparkline: [], hasModel: false, startTime: null, completionTime: null,
      estimatedCompletionTime: null, created: new Date().toISOString(), experiment: null, trials: null,
    });
    runs.set(key, summary);
    stored.set(key, { yaml, version: next });
    announce(summary);
  }
  return {
    key: { kind: object.kind === "Experiment" ? "Experiment" : "TrainingJob", namespace, name },
    resourceVersion: sent["dryRun"] ? null : String(stored.get(key)?.version ?? 1), yaml, warnings: [],
  };
}

/** Returns the problems and shapes of a document. */
export function check(yaml: string): Checked {
  const counter = new LineCounter();
  const document = parseDocument(yaml, { lineCounter: counter, maxAliasCount: 20 } as object);
  const problems: DocumentProblem[] = [];
  const add = (path: string, message: string, layer: number | null = null) => problems.push({ path, message, layer, line: null, isWarning: false });
  if (document.errors[0]) {
    const [error] = document.errors;
    const line = counter.linePos(error.pos[0]).line;
    return { problems: [{ path: "", message: error.message.split("\n")[0] ?? "", layer: null, line, isWarning: false }], layers: [], parameters: null, isBuilt: false, problem: null };
  }
  const spec = document.get("kind") === "Experiment" ? ["spec", "template", "spec"] : ["spec"];
  const layers = document.getIn([...spec, "network", "layers"]);
  if (!isSeq(layers)) {
    add("spec.network.layers", "it needs at least one layer: add one.");
    return { problems, layers: [], parameters: null, isBuilt: false, problem: null };
  }
  if (!document.hasIn([...spec, "data"])) add("spec.data", "missing: the training data. Add data: {bucket: …, train: {object: …}}.");
  if (!document.hasIn([...spec, "storage"])) add("spec.storage", "missing: the storage. Add storage: {secretRef: {name: …}}.");
  if (!document.hasIn([...spec, "results"])) add("spec.results", "missing: the bucket for results. Add results: {bucket: …}.");
  const input = document.getIn([...spec, "network", "input", "shape"]);
  let shape = isSeq(input) ? (input.toJSON() as number[]) : [];
  let isBroken = false;
  const shapes: LayerShapes[] = layers.items.map((item, index) => {
    const layer = (isMap(item) ? item.toJSON() : {}) as Record<string, unknown>;
    const where = `spec.network.layers[${index}]`;
    for (const missing of required(layer)) add(`${where}.${missing}`, `missing: ${String(layer["layer"])} needs ${missing}.`, index);
    const after = isBroken ? undefined : outputOf(layer, shape);
    if (typeof after === "string") add(where, after, index);
    if (after === undefined || typeof after === "string") isBroken = true;
    else shape = after.shape;
    return { index, outputs: isBroken ? [] : [shape], parameters: isBroken || typeof after !== "object" ? null : after.parameters };
  });
  const total = shapes.reduce((sum, each) => sum + (each.parameters ?? 0), 0);
  return { problems, layers: shapes, parameters: isBroken ? null : total, isBuilt: !isBroken, problem: null };
}

function required(layer: Record<string, unknown>): string[] {
  const found = catalogue().modules["keras.layers"]?.classes[String(layer["layer"])];
  return Object.entries(found?.arguments ?? {}).filter(([name, argument]) => argument.required && !(name in layer)).map(([name]) => name);
}

function outputOf(layer: Record<string, unknown>, shape: number[]): { shape: number[]; parameters: number } | string | undefined {
  const last = shape.at(-1) ?? 1;
  const number = (name: string, standard: number) => (typeof layer[name] === "number" ? (layer[name] as number) : standard);
  switch (layer["layer"]) {
    case "Dense":
      if (typeof layer["units"] !== "number") return undefined;
      return { shape: [...shape.slice(0, -1), layer["units"]], parameters: (last + 1) * layer["units"] };
    case "Flatten":
      return { shape: [shape.reduce((product, axis) => product * axis, 1)], parameters: 0 };
    case "Conv2D": {
      if (shape.length !== 3) return `expects 3 axes (height, width, channels), found ${shape.length}. Remove Flatten above, or reshape its input.`;
      const [kernel, filters] = [number("kernel_size", 3), number("filters", 1)];
      const [height = 1, width = 1] = shape;
      if (height < kernel) return `kernel_size ${kernel} is larger than the input, ${height}x${width}. Use fewer pooling layers, or padding: same.`;
      const cut = layer["padding"] === "same" ? 0 : kernel - 1;
      return { shape: [height - cut, width - cut, filters], parameters: kernel * kernel * last * filters + filters };
    }
    case "MaxPooling2D": {
      const size = number("pool_size", 2);
      const [height = 1, width = 1] = shape;
      const round = layer["padding"] === "same" ? Math.ceil : Math.floor;
      return { shape: [round(height / size), round(width / size), last], parameters: 0 };
    }
    case "BatchNormalization":
      return { shape, parameters: 4 * last };
    default:
      return { shape, parameters: 0 };
  }
}
