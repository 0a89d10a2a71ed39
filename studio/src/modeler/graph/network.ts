// The network of a spec as objects that refer to each other, so that an edit moves no names. `writeNetwork` is the way back.
import { MAX_OUTPUTS } from "../../wire";
import { isList, isObject, type Json, type JsonObject } from "../json";

const REFERENCE = /^(.*?)(?::(\d{1,3}))?$/su;
/** Name of the only input of a network, as the API has it. */
const INPUT = "input";

export interface NetworkInput {
  name: string;
  /** Position in the document; null for a new one. */
  origin: number | null;
  value: Json;
}

/** A tensor that a layer takes, or that is an output of the network. */
export type Source =
  | { kind: "input"; input: NetworkInput }
  | { kind: "layer"; layer: NetworkLayer; output: number | null }
  /** A text that names no layer and no input. */
  | { kind: "unknown"; text: string };

export interface NetworkLayer {
  /** Position in the document; null for a new one. */
  origin: number | null;
  value: Json;
  /** Its own name; null for the default name. */
  name: string | null;
  /** The own or the default name. */
  title: string;
  /** The layer that `use` calls again, or the name of a missing one. */
  uses: NetworkLayer | string | null;
  sources: Source[];
  /** Whether the document names no inputs. */
  isImplicit: boolean;
}

export interface Network {
  inputs: NetworkInput[];
  /** Whether the document has `input` in place of `inputs`. */
  hasOneInput: boolean;
  layers: NetworkLayer[];
  /** Null if the last layer is the output. */
  outputs: Source[] | null;
}

/** Returns the network of spec.network. Parts with a wrong type are left out, except for layers. */
export function readNetwork(value: Json | undefined): Network {
  const network = isObject(value) ? value : {};
  const inputs = readInputs(network);
  const items = isList(network["layers"]) ? network["layers"] : [];
  const outputs = isList(network["outputs"]) && network["outputs"].length > 0 ? network["outputs"].filter((ref) => typeof ref === "string") : null;
  const titles = layerTitles(items, inputs.map(({ name }) => name), outputs ?? []);
  const layers = items.map((item, index): NetworkLayer => ({
    origin: index, value: item, name: textOf(item, "name"), title: titles[index] ?? "", uses: null, sources: [], isImplicit: !isList(inputsOf(item)),
  }));
  const named = new Map<string, Source>();
  for (const layer of layers) if (layer.name !== null && !named.has(layer.name)) named.set(layer.name, { kind: "layer", layer, output: null });
  for (const input of inputs) named.set(input.name, { kind: "input", input });
  for (const [index, layer] of layers.entries()) {
    const used = textOf(layer.value, "use");
    const found = used === null ? undefined : named.get(used);
    layer.uses = found?.kind === "layer" ? found.layer : used;
    const references = inputsOf(layer.value);
    if (isList(references)) {
      layer.sources = references.map((reference) => resolve(reference, named));
    } else {
      const above = layers[index - 1];
      const only = inputs.length === 1 ? inputs[0] : undefined;
      layer.sources = above ? [{ kind: "layer", layer: above, output: null }] : only ? [{ kind: "input", input: only }] : [];
    }
  }
  return { inputs, hasOneInput: !isList(network["inputs"]), layers, outputs: outputs?.map((reference) => resolve(reference, named)) ?? null };
}

/** Returns the tensors that are the outputs of a network: those it names, or its last layer. */
export function outputsOf({ outputs, layers }: Network): Source[] {
  const last = layers.at(-1);
  return outputs ?? (last ? [{ kind: "layer", layer: last, output: null }] : []);
}

/** Returns the name of an output in metrics and in training.outputs: NAME, or NAME_N for NAME:N. */
export function outputName(source: Source): string {
  if (source.kind === "unknown") return source.text.replace(":", "_");
  if (source.kind === "input") return source.input.name;
  return source.output === null ? source.layer.title : `${source.layer.title}_${source.output}`;
}

/** Returns the class of a layer; `use` for another call of a layer, and "" without one. */
export function classOf(value: Json): string {
  return textOf(value, "layer") ?? (textOf(value, "use") === null ? "" : "use");
}

export function textOf(value: Json, key: string): string | null {
  const found = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return typeof found === "string" ? found : typeof found === "number" ? String(found) : null;
}

/** Returns the names of layers: their own, and else the default names of the API, such as dense_3. */
export function layerTitles(items: readonly Json[], inputs: readonly string[], outputs: readonly string[]): string[] {
  const own = items.map((item) => textOf(item, "name"));
  const taken = new Set([...own.filter((name) => name !== null), ...inputs, ...outputs.map((ref) => ref.replace(":", "_"))]);
  return items.map((item, index) => {
    let name = own[index] ?? null;
    if (name === null) {
      const used = textOf(item, "use");
      name = `${used ?? (snakeCase(textOf(item, "layer") ?? "") || "layer")}_${index}`;
      while (taken.has(name)) name += "_";
    }
    taken.add(name);
    return name;
  });
}

/** Returns a class as the API writes it in default names: max_pooling2d for MaxPooling2D. */
export function snakeCase(className: string): string {
  return className.replace(/(?<=[a-z])(?=[A-Z])/gu, "_").toLowerCase();
}

/** Returns the inputs. A document with more than the API allows is drawn without the others. */
function readInputs(network: JsonObject): NetworkInput[] {
  const inputs = network["inputs"];
  if (!isList(inputs)) return isObject(network["input"]) ? [{ name: INPUT, origin: 0, value: network["input"] }] : [];
  return inputs.slice(0, MAX_OUTPUTS).map((value, index) => ({ name: textOf(value, "name") ?? `${INPUT}_${index}`, origin: index, value }));
}

function inputsOf(item: Json): Json | undefined {
  return isObject(item) && Object.hasOwn(item, "inputs") ? item["inputs"] : undefined;
}

function resolve(reference: Json, named: ReadonlyMap<string, Source>): Source {
  const text = typeof reference === "string" ? reference : JSON.stringify(reference);
  const [, name = "", output] = REFERENCE.exec(text) ?? [];
  const found = named.get(name);
  if (found?.kind === "layer") return { kind: "layer", layer: found.layer, output: output === undefined ? null : Number(output) };
  if (found && output === undefined) return found;
  return { kind: "unknown", text };
}
