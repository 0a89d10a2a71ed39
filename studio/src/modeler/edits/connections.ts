// Connects and disconnects layers: the same edits for keys, clicks and drags.
import type { Problem } from "../../wire";
import { problem } from "../../api/client";
import type { Graph } from "../graph/types";
import { EditRefused, networkEdit, type Edit } from "./edit";
import { isSame } from "./place";

export interface ConnectOptions {
  /** Output N of a layer with several outputs. */
  output?: number | null;
  /** Position of the input that is replaced. */
  input?: number;
}

/** An end of a connection: the node that gives a tensor. */
export interface SourceRef {
  node: string;
  output: number | null;
}

/** Returns an edit that makes a layer take the output of another layer or an input.
 *
 * A layer that takes the layer above only by default takes the new source in its place. Other layers take it as another
 * input.
 */
export function connect(source: string, target: string, { output = null, input }: ConnectOptions = {}): Edit {
  return networkEdit("connect layers", (network, { graph }) => {
    refuse(canConnect(graph, source, target));
    const layer = network.layer(target);
    const from = network.source(source, output);
    if (input !== undefined && input < layer.sources.length) layer.sources = layer.sources.map((each, index) => (index === input ? from : each));
    else if (layer.isImplicit) layer.sources = [from];
    else if (layer.sources.some((each) => isSame(each, from))) throw new EditRefused("The layers are connected already.", "Choose another layer.");
    else layer.sources = [...layer.sources, from];
    layer.isImplicit = layer.isImplicit && layer.sources.length === 1;
    return undefined;
  });
}

/** Returns an edit that removes a connection. */
export function disconnect(edge: string): Edit {
  return networkEdit("disconnect layers", (network, { graph }) => {
    const found = graph.edges.find(({ id }) => id === edge);
    if (!found || found.isFixed) throw new EditRefused("This connection follows from the document.", "Change the outputs of the network, or the data.");
    const layer = network.layer(found.target);
    layer.sources = layer.sources.filter((_, index) => index !== found.input);
    layer.isImplicit = false;
    return undefined;
  });
}

/** Returns an edit that sets all inputs of a layer in their order. */
export function setInputs(target: string, sources: readonly SourceRef[]): Edit {
  return networkEdit("set inputs", (network, { graph }) => {
    const dependents = dependentsOf(graph, target);
    for (const { node } of sources) refuse(canConnect(graph, node, target, dependents));
    const layer = network.layer(target);
    layer.sources = sources.map(({ node, output }) => network.source(node, output));
    layer.isImplicit = layer.isImplicit && sources.length === 1;
    return undefined;
  });
}

/** Returns an edit that sets the outputs of the network; none makes its last layer the output. */
export function setOutputs(sources: readonly SourceRef[]): Edit {
  return networkEdit("set outputs", (network) => {
    network.outputs = sources.length > 0 ? sources.map(({ node, output }) => network.source(node, output)) : null;
    return undefined;
  });
}

/** Returns why a connection is impossible, or null. Whether the shapes fit is for the back end to say.
 *
 * For many sources of a target, `dependents` are found once.
 */
export function canConnect(graph: Graph, source: string, target: string, dependents = dependentsOf(graph, target)): Problem | null {
  const from = graph.byId.get(source);
  const to = graph.byId.get(target);
  if (to?.kind !== "layer") return refusal("Only a layer takes an input.", "Choose a layer as the target. For the output of the network, set its outputs.");
  if (from?.kind !== "layer" && from?.kind !== "input") return refusal("Only a layer or an input has an output.", "Choose a layer or an input as the source.");
  if (source === target || dependents.has(source)) return refusal("The layers would depend on each other in a cycle.", `Choose a source to which ${to.title} does not lead.`);
  return null;
}

/** Returns the nodes to which a node leads: it can take the output of none of them. */
export function dependentsOf(graph: Graph, node: string): ReadonlySet<string> {
  const next = new Map<string, string[]>();
  const add = (source: string, target: string) => {
    const list = next.get(source);
    if (list) list.push(target);
    else next.set(source, [target]);
  };
  for (const { source, target } of graph.edges) add(source, target);
  for (const { id, uses } of graph.nodes) if (uses) add(uses, id);
  const seen = new Set<string>();
  const open = [node];
  for (let each = open.pop(); each !== undefined; each = open.pop()) {
    for (const target of next.get(each) ?? []) {
      if (!seen.has(target)) open.push(target);
      seen.add(target);
    }
  }
  return seen;
}

function refuse(found: Problem | null): void {
  if (found) throw new EditRefused(found.message, found.remedy ?? "");
}

function refusal(message: string, remedy: string): Problem {
  return problem("EditRefused", message, remedy);
}
