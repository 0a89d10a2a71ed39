// The nodes and edges of a document: the data, inputs, layers, and the training behind them.
import { MAX_OUTPUTS } from "../../wire";
import { specOf, type ModelerDocument } from "../document/parse";
import { getIn, isList, isObject, without, type Json, type JsonObject, type Path } from "../json";
import { classOf, outputName, outputsOf, readNetwork, textOf, type Network, type NetworkLayer, type Source } from "./network";
import { EMPTY_GRAPH, type DanglingReference, type Graph, type GraphEdge, type GraphNode } from "./types";

/** Ids of nodes that a document has once. */
export const DATA = "data";
export const SOURCE = "source";
export const OPTIMIZER = "optimizer";
const NOT_ARGUMENTS = ["layer", "use", "name", "inputs"];
const SOURCES = ["model", "code"] as const;

/** Returns the graph of a document.
 *
 * `layerIds` are the ids of its layers; without them, new ones by position.
 */
export function toGraph(document: ModelerDocument, layerIds?: readonly string[]): Graph {
  const spec = specOf(document);
  const other = SOURCES.find((name) => isObject(spec[name]));
  const graph = new GraphBuilder(document, spec);
  if (isObject(spec["network"]) || !other) {
    const network = readNetwork(spec["network"]);
    graph.addNetwork(network, layerIds ?? network.layers.map((_, index) => `layer-${index}`));
  } else {
    graph.addSource(other);
  }
  return graph.finish(isObject(spec["network"]) ? "network" : (other ?? "none"));
}

class GraphBuilder {
  readonly #document: ModelerDocument;
  readonly #spec: JsonObject;
  readonly #nodes: GraphNode[] = [];
  readonly #edges: GraphEdge[] = [];
  readonly #dangling: DanglingReference[] = [];
  #layerIds: readonly string[] = [];

  constructor(document: ModelerDocument, spec: JsonObject) {
    this.#document = document;
    this.#spec = spec;
    const data = isObject(spec["data"]) ? spec["data"] : {};
    this.#add({ id: DATA, kind: "data", title: typeof data["bucket"] === "string" ? data["bucket"] : "", path: this.#path("data"), arguments: data });
  }

  finish(source: Graph["source"]): Graph {
    const nodes = this.#nodes;
    return { ...EMPTY_GRAPH, source, nodes, edges: this.#edges, byId: new Map(nodes.map((node) => [node.id, node])), layerIds: this.#layerIds, dangling: this.#dangling };
  }

  addSource(name: (typeof SOURCES)[number]): void {
    const value = this.#spec[name];
    this.#add({ id: SOURCE, kind: "source", title: name, className: name, path: this.#path(name), arguments: isObject(value) ? value : {} });
    this.#connect(DATA, SOURCE, { isFixed: true });
    const listed = getIn(this.#spec, ["training", "outputs"]);
    const names = isList(listed) && listed.length > 0 ? listed.map((item) => textOf(item, "name") ?? "") : [SOURCE];
    this.#addTraining(names.map((each) => ({ name: each, node: SOURCE, output: null })));
  }

  addNetwork(network: Network, layerIds: readonly string[]): void {
    this.#layerIds = layerIds;
    const ids = new Map<NetworkLayer, string>(network.layers.map((layer, index) => [layer, layerIds[index] ?? `layer-${index}`]));
    for (const [index, { name, value }] of network.inputs.entries()) {
      const path = network.hasOneInput ? this.#path("network", "input") : this.#path("network", "inputs", index);
      this.#add({ id: `input-${index}`, kind: "input", title: name, name, index, path, arguments: isObject(value) ? value : {} });
      this.#connect(DATA, `input-${index}`, { isFixed: true });
    }
    for (const [index, layer] of network.layers.entries()) {
      const id = ids.get(layer) ?? "";
      const uses = typeof layer.uses === "object" && layer.uses ? (ids.get(layer.uses) ?? null) : null;
      const className = classOf(layer.value);
      this.#add({ id, kind: "layer", title: layer.title, className, name: layer.name, index, path: this.#path("network", "layers", index), arguments: isObject(layer.value) ? without(layer.value, ...NOT_ARGUMENTS) : {}, uses });
    }
    const place = (source: Source) => nodeOf(source, network, ids);
    for (const layer of network.layers) {
      const target = ids.get(layer) ?? "";
      for (const [input, source] of layer.sources.entries()) {
        const from = place(source);
        if (from === null) this.#dangling.push({ node: target, input, text: source.kind === "unknown" ? source.text : "" });
        else this.#connect(from, target, { input, output: source.kind === "layer" ? source.output : null, isImplicit: layer.isImplicit });
      }
    }
    this.#addTraining(outputsOf(network).map((source) => ({ name: outputName(source), node: place(source), output: source.kind === "layer" ? source.output : null })));
  }

  /** A document with more outputs than the API allows is drawn without the others. */
  #addTraining(all: readonly { name: string; node: string | null; output: number | null }[]): void {
    const outputs = all.slice(0, MAX_OUTPUTS);
    const training = isObject(this.#spec["training"]) ? this.#spec["training"] : {};
    const listed = isList(training["outputs"]) ? training["outputs"] : null;
    const used = new Set<string>();
    const losses: string[] = [];
    for (const [index, output] of outputs.entries()) {
      const position = listed?.findIndex((item) => isObject(item) && item["name"] === output.name) ?? -1;
      const holder = listed ? listed[position] : training;
      const path = listed ? this.#path("training", "outputs", position >= 0 ? position : index) : this.#path("training");
      let end = outputs.length > 1 ? `:${output.name}` : "";
      while (used.has(end)) end += "'";
      used.add(end);
      const title = outputs.length > 1 ? output.name : "";
      const loss = isObject(holder) ? holder["loss"] : undefined;
      const metrics = isObject(holder) ? holder["metrics"] : undefined;
      this.#add({ id: `loss${end}`, kind: "loss", title, ...namedOf(loss), index, path: [...path, "loss"] });
      this.#add({ id: `metrics${end}`, kind: "metrics", title, className: metricNames(metrics), index, path: [...path, "metrics"] });
      losses.push(`loss${end}`);
      if (output.node === null) continue;
      this.#connect(output.node, `loss${end}`, { output: output.output, isFixed: true });
      this.#connect(output.node, `metrics${end}`, { output: output.output, isFixed: true });
    }
    this.#add({ id: OPTIMIZER, kind: "optimizer", title: "", ...namedOf(training["optimizer"]), path: this.#path("training", "optimizer") });
    for (const [input, loss] of losses.entries()) this.#connect(loss, OPTIMIZER, { input, isFixed: true });
  }

  #path(...steps: Path): Path {
    return [...this.#document.specPath, ...steps];
  }

  #add(node: Pick<GraphNode, "id" | "kind" | "title" | "path"> & Partial<GraphNode>): void {
    this.#nodes.push({ className: "", name: null, index: -1, arguments: {}, uses: null, ...node });
  }

  #connect(source: string, target: string, changes: Partial<GraphEdge>): void {
    const edge = { source, target, input: 0, output: null, isImplicit: false, isFixed: false, ...changes };
    this.#edges.push({ id: `${source}→${target}:${edge.input}`, ...edge });
  }
}

function nodeOf(source: Source, network: Network, ids: ReadonlyMap<NetworkLayer, string>): string | null {
  if (source.kind === "layer") return ids.get(source.layer) ?? null;
  return source.kind === "input" ? `input-${network.inputs.indexOf(source.input)}` : null;
}

/** Returns class and arguments of NAME, or of {name: NAME, …}. */
function namedOf(value: Json | undefined): { className: string; arguments: JsonObject } {
  if (typeof value === "string") return { className: value, arguments: {} };
  if (!isObject(value)) return { className: "", arguments: {} };
  const name = getIn(value, ["name"]);
  return { className: typeof name === "string" ? name : "", arguments: without(value, "name") };
}

function metricNames(value: Json | undefined): string {
  return isList(value) ? value.map((item) => namedOf(item).className).join(", ") : "";
}
