// Puts layers into a network behind a node, into a connection, or at its end.
import { outputsOf, type NetworkLayer, type Source } from "../graph/network";
import { EditRefused, type EditableNetwork, type EditContext } from "./edit";

export type Place =
  /** Into the chain behind a layer or an input: its consumers take the new layer. */
  | { kind: "after"; node: string }
  /** Takes the output of the node; its consumers stay. */
  | { kind: "branch"; node: string }
  /** Into a connection. */
  | { kind: "edge"; edge: string }
  | { kind: "end" };

/** Adds layers with the connections among them.
 *
 * Where they take a layer outside of the group, they take the place's output instead; of several such layers, only the
 * first one is replaced. The consumers of the place take the last of them.
 */
export function insertLayers(network: EditableNetwork, { graph }: EditContext, added: readonly NetworkLayer[], place: Place): void {
  const { source, rewire } = resolve(network, graph, place);
  const begin: Source | undefined = source ?? (network.inputs[0] && { kind: "input", input: network.inputs[0] });
  const group = new Set(added);
  const outside = added.flatMap(({ sources }) => sources).find((each) => each.kind !== "layer" || !group.has(each.layer));
  const position = place.kind === "end" ? network.layers.length : source?.kind === "layer" ? network.layers.indexOf(source.layer) + 1 : 0;
  const taken = new Set<NetworkLayer>();
  for (const layer of added) {
    const known = layer.sources.map((each) => (begin && outside && isSame(each, outside) ? begin : each)).filter(({ kind }) => kind !== "unknown");
    layer.sources = known.length === 0 && begin ? [begin] : known;
    for (const each of layer.sources) if (each.kind === "layer") taken.add(each.layer);
  }
  const tail = added.findLast((layer) => !taken.has(layer));
  if (tail) rewire({ kind: "layer", layer: tail, output: null });
  network.layers = [...network.layers.slice(0, position), ...added, ...network.layers.slice(position)];
}

function resolve(network: EditableNetwork, graph: EditContext["graph"], place: Place): { source: Source | undefined; rewire: (by: Source) => void } {
  if (place.kind === "end") {
    const source = outputsOf(network)[0];
    return { source, rewire: (by) => source && replaceOutput(network, source, by) };
  }
  if (place.kind === "edge") {
    const edge = graph.edges.find(({ id }) => id === place.edge);
    if (!edge) throw new EditRefused("The connection does not exist any more.", "Select another connection.");
    const source = network.source(edge.source, edge.output);
    const target = graph.byId.get(edge.target);
    if (target?.kind === "layer") return { source, rewire: (by) => replaceAt(network.layer(edge.target).sources, edge.input, by) };
    return { source, rewire: (by) => replaceOutput(network, source, by) };
  }
  const source = network.source(place.node);
  if (place.kind === "branch") return { source, rewire: () => undefined };
  return {
    source,
    rewire: (by) => {
      // The added layers are not among the network's layers yet.
      for (const layer of network.layers) layer.sources = layer.sources.map((each) => (isSame(each, source) ? by : each));
      replaceOutput(network, source, by);
    },
  };
}

function replaceAt(sources: Source[], index: number, by: Source): void {
  if (index < sources.length) sources[index] = by;
}

function replaceOutput(network: EditableNetwork, source: Source, by: Source): void {
  network.outputs = network.outputs?.map((each) => (isSame(each, source) ? by : each)) ?? null;
}

/** Whether two sources are the same tensor. */
export function isSame(a: Source, b: Source): boolean {
  if (a.kind === "layer") return b.kind === "layer" && a.layer === b.layer && a.output === b.output;
  if (a.kind === "input") return b.kind === "input" && a.input === b.input;
  return b.kind === "unknown" && a.text === b.text;
}
