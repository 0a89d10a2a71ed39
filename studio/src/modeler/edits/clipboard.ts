// Copies layers as YAML, which other documents and editors take, too.
import { itemsOf, nodeAt } from "../document/nodes";
import { readYaml, specOf, type ModelerDocument } from "../document/parse";
import { endOfLine, startOfLine } from "../document/lines";
import { NotWritable, writeValue } from "../document/write";
import { readNetwork, type NetworkLayer, type Source } from "../graph/network";
import type { Graph } from "../graph/types";
import { writeNetwork } from "../graph/writeNetwork";
import { flow } from "../document/stringify";
import { getIn, isList, isObject, setIn, type Json, type JsonObject, type Path } from "../json";
import { EditRefused, networkEdit, type Edit } from "./edit";
import { freeName, newLayer } from "./layers";
import { insertLayers, type Place } from "./place";

/** Returns layers as a YAML list with their comments. Names of layers outside of them stay in `inputs`. */
export function copyLayers({ document, graph }: { document: ModelerDocument | null; graph: Graph }, nodes: readonly string[]): string {
  if (!document) return "";
  const chosen = new Set(nodes.flatMap((id) => graph.byId.get(id)).map((node) => (node?.kind === "layer" ? node.index : -1)));
  const value = specOf(document)["network"];
  const network = readNetwork(value);
  const layers = network.layers.filter((_, index) => chosen.has(index));
  if (layers.length === 0) return "";
  const inside = new Set(layers);
  for (const layer of layers) layer.sources = layer.sources.map((source) => named(source, inside));
  const { value: written, origins } = writeNetwork({ ...network, layers, outputs: null, inputs: [], hasOneInput: false }, { ...network, outputs: null }, { ...(isObject(value) ? value : {}), outputs: [] });
  const list = written["layers"] ?? [];
  try {
    const path = [...document.specPath, "network", "layers"];
    const copy = writeValue(document, setIn(document.value, path, list) as JsonObject, origins);
    return linesOf(copy, path) ?? inLines(list);
  } catch (error) {
    if (error instanceof NotWritable) return inLines(list);
    throw error;
  }
}

/** Returns an edit that pastes the layers of a text: a list, a single layer, or a document with a network. */
export function pasteLayers(text: string, place: Place): Edit {
  return networkEdit("paste layers", (network, context) => {
    const values = layersOf(text);
    // Sequential layers take each other, as in a document of their own.
    const pasted = readNetwork({ layers: values }).layers;
    const renamed = new Map<NetworkLayer, NetworkLayer>();
    for (const layer of pasted) {
      const copy = newLayer(isObject(layer.value) ? layer.value : {});
      copy.name = layer.name === null ? null : freeName(layer.name, network, [...renamed.values()]);
      renamed.set(layer, copy);
    }
    const known = new Map<string, Source>(network.inputs.map((input) => [input.name, { kind: "input", input }]));
    for (const layer of network.layers) known.set(layer.title, { kind: "layer", layer, output: null });
    for (const [layer, copy] of renamed) {
      copy.sources = layer.sources.map((source) => moved(source, renamed, known));
      copy.uses = usedBy(layer, renamed, known);
    }
    insertLayers(network, context, [...renamed.values()], place);
    return [...renamed.values()];
  });
}

function layersOf(text: string): readonly Json[] {
  const { value, problems } = readYaml(text);
  const fault = problems[0];
  if (fault) throw new EditRefused(`The text is no YAML: line ${fault.line ?? 1}: ${fault.message}`, "Copy layers as a list in YAML.");
  const kind = isObject(value) ? value["kind"] : undefined;
  const found = isList(value) ? value : (getIn(value, kind === "Experiment" ? ["spec", "template", "spec", "network", "layers"] : ["spec", "network", "layers"]) ?? getIn(value, ["layers"]) ?? [value]);
  const layers = isList(found) ? found : [];
  if (layers.length === 0 || !layers.every((layer) => isObject(layer) && ("layer" in layer || "use" in layer))) {
    throw new EditRefused("The text has no layers.", "Copy a list of layers, such as - {layer: Dense, units: 10}.");
  }
  return layers;
}

function named(source: Source, inside: ReadonlySet<NetworkLayer>): Source {
  if (source.kind === "input") return { kind: "unknown", text: source.input.name };
  if (source.kind !== "layer" || inside.has(source.layer)) return source;
  return { kind: "unknown", text: source.output === null ? source.layer.title : `${source.layer.title}:${source.output}` };
}

function moved(source: Source, copies: ReadonlyMap<NetworkLayer, NetworkLayer>, known: ReadonlyMap<string, Source>): Source {
  if (source.kind === "layer") return { ...source, layer: copies.get(source.layer) ?? source.layer };
  const [name = "", output] = source.kind === "unknown" ? source.text.split(":") : [];
  const found = known.get(name);
  return found?.kind === "layer" && output !== undefined ? { ...found, output: Number(output) } : (found ?? source);
}

function usedBy({ uses }: NetworkLayer, copies: ReadonlyMap<NetworkLayer, NetworkLayer>, known: ReadonlyMap<string, Source>): NetworkLayer | string | null {
  if (typeof uses === "object") return uses && (copies.get(uses) ?? uses);
  const found = known.get(uses);
  return found?.kind === "layer" ? found.layer : uses;
}

/** Returns the lines of a list's items without their indent. */
function linesOf({ root, text }: ModelerDocument, path: Path): string | null {
  const items = itemsOf(nodeAt(root, path).node);
  const first = items[0];
  const last = items.at(-1);
  if (!first || !last || text[first.from] !== "-") return null;
  const start = startOfLine(text, first.from);
  const indent = text.slice(start, first.from);
  return text.slice(start, endOfLine(text, last.to(text))).split("\n").map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line)).join("\n").trimEnd() + "\n";
}

function inLines(list: Json): string {
  return (isList(list) ? list : []).map((item) => `- ${flow(item)}\n`).join("");
}
