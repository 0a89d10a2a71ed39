// An edit of a document: a function of its value. The text is changed only where the value differs.
import { NotWritable, writeValue } from "../document/write";
import { specOf, type ModelerDocument } from "../document/parse";
import { problem } from "../../api/client";
import type { Problem } from "../../wire";
import { readNetwork, type Network, type NetworkLayer, type Source } from "../graph/network";
import type { Graph } from "../graph/types";
import { NoOrder, writeNetwork, type WrittenNetwork } from "../graph/writeNetwork";
import { isObject, setIn, type Json, type JsonObject } from "../json";
import { withNewNames } from "./references";

export interface EditContext {
  document: ModelerDocument;
  graph: Graph;
}

export interface EditResult {
  value: JsonObject;
  /** The old objects of new ones in lists. */
  origins?: ReadonlyMap<Json, Json>;
  /** The old position of each layer, or null for a new layer; absent if the layers are the same. */
  order?: readonly (number | null)[];
  /** Positions of the layers to select. */
  select?: readonly number[];
  /** Further fields that the edit has changed, for the user to know. */
  notice?: string;
}

export interface Edit {
  /** Its name at Undo, such as `add Dense`. */
  label: string;
  /** Edits with the same key within a second are undone together, as the characters of an argument. */
  mergeKey?: string;
  /** Throws EditRefused. */
  apply: (context: EditContext) => EditResult;
}

/** An edit that is impossible, with the cause. */
export class EditRefused extends Error {
  readonly problem: Problem;

  constructor(message: string, remedy: string) {
    super(message);
    this.problem = problem("EditRefused", message, remedy);
  }
}

/** Returns the document after an edit.
 *
 * Throws EditRefused.
 */
export function applyEdit(edit: Edit, context: EditContext): { document: ModelerDocument; result: EditResult } {
  try {
    const result = edit.apply(context);
    return { document: writeValue(context.document, result.value, result.origins), result };
  } catch (error) {
    if (error instanceof NotWritable) {
      throw new EditRefused(`The YAML around this place is shared or unusual${error.message && `: ${error.message}`}`, "Change it in the YAML, for example where an anchor (&) or an alias (*) is.");
    }
    throw error;
  }
}

/** A network in which an edit finds the layers of node ids. */
export interface EditableNetwork extends Network {
  layer: (node: string) => NetworkLayer;
  source: (node: string, output?: number | null) => Source;
}

type NetworkChange = (network: EditableNetwork, context: EditContext) => readonly NetworkLayer[] | undefined;

/** Returns an edit of the network. The change returns the layers to select. */
export function networkEdit(label: string, change: NetworkChange, mergeKey?: string): Edit {
  return { label, ...(mergeKey ? { mergeKey } : {}), apply: (context) => editNetwork(context, change) };
}

function editNetwork(context: EditContext, change: NetworkChange): EditResult {
  const { document, graph } = context;
  if (graph.source === "model" || graph.source === "code") {
    throw new EditRefused(`The document has spec.${graph.source} in place of a network.`, `Remove spec.${graph.source} to draw layers.`);
  }
  const found = specOf(document)["network"];
  const value = isObject(found) ? found : {};
  const before = readNetwork(value);
  const network = editable(readNetwork(value), graph);
  const selected = change(network, context);
  const written = write(network, before, value);
  const order = written.layers.map(({ origin }) => origin);
  const named = setIn(document.value, [...document.specPath, "network"], written.value) as JsonObject;
  const { value: after, lost } = withNewNames(named, document.specPath, written, before);
  return {
    value: after,
    origins: written.origins,
    ...(order.every((origin, index) => origin === index) && order.length === before.layers.length ? {} : { order }),
    ...(selected ? { select: selected.map((layer) => written.layers.indexOf(layer)).filter((index) => index >= 0) } : {}),
    ...(lost.length > 0 ? { notice: `Removed from the search, too: ${lost.join(", ")}` } : {}),
  };
}

function write(network: Network, before: Network, value: JsonObject): WrittenNetwork {
  try {
    return writeNetwork(network, before, value);
  } catch (error) {
    if (error instanceof NoOrder) throw new EditRefused("The layers would depend on each other in a cycle.", "Connect a layer only to layers that lead to no input of it.");
    throw error;
  }
}

function editable(network: Network, graph: Graph): EditableNetwork {
  const layer = (node: string) => {
    const found = network.layers[graph.byId.get(node)?.kind === "layer" ? (graph.byId.get(node)?.index ?? -1) : -1];
    if (!found) throw new EditRefused("The layer does not exist any more.", "Select another layer.");
    return found;
  };
  const source = (node: string, output: number | null = null): Source => {
    const known = graph.byId.get(node);
    const input = known?.kind === "input" ? network.inputs[known.index] : undefined;
    return input ? { kind: "input", input } : { kind: "layer", layer: layer(node), output };
  };
  return { ...network, layer, source };
}
