// The value of a network that an edit has changed: names for layers to which others refer, inputs, and the order.
import { isEqual, isList, isObject, without, type Json, type JsonObject } from "../json";
import { layerTitles, outputName, outputsOf, snakeCase, textOf, type Network, type NetworkLayer, type Source } from "./network";
import { dependencies, inOrder } from "./order";

/** Why a network has no value. */
export class NoOrder extends Error {}

export interface WrittenNetwork {
  value: JsonObject;
  /** The layers in their new order. */
  layers: readonly NetworkLayer[];
  /** Layers and inputs of the document by their new value, if it differs. */
  origins: Map<Json, Json>;
  /** The names of outputs by their old ones. */
  outputNames: Map<string, string>;
}

/** Returns the value of a network. `before` is the network of the document, and `value` its value.
 *
 * Throws NoOrder if layers depend on each other in a cycle.
 */
export function writeNetwork(network: Network, before: Network, value: JsonObject): WrittenNetwork {
  const layers = isOrdered(network.layers) ? network.layers : inOrder(network.layers);
  if (!layers) throw new NoOrder();
  const outputs = keptOutputs({ ...network, layers }, before);
  const written = { ...network, layers, outputs };
  giveNames(written);
  const origins = new Map<Json, Json>();
  const track = (after: JsonObject, from: Json) => {
    if (after !== from && isObject(from)) origins.set(after, from);
    return after;
  };
  const items = layers.map((layer, index) => (isObject(layer.value) ? track(layerValue(layer, index, written), originalOf(layer, before)) : layer.value));
  const titles = layerTitles(items, network.inputs.map(({ name }) => name), outputs?.map(reference) ?? []);
  for (const [index, layer] of layers.entries()) layer.title = titles[index] ?? "";
  return { value: networkValue(written, before, value, items, track), layers, origins, outputNames: outputNames(written, before) };
}

/** Returns the value of a layer in the document, also if an edit has replaced it. */
function originalOf({ origin, value }: NetworkLayer, before: Network): Json {
  return (origin === null ? undefined : before.layers[origin]?.value) ?? value;
}

function isOrdered(layers: readonly NetworkLayer[]): boolean {
  const seen = new Set<NetworkLayer>();
  const known = new Set(layers);
  return layers.every((layer) => {
    const holds = dependencies(layer).every((each) => seen.has(each) || !known.has(each));
    seen.add(layer);
    return holds;
  });
}

/** Returns the outputs: without any in the document, the last layer stays the output while no layer takes it. */
function keptOutputs(network: Network, before: Network): Source[] | null {
  if (network.outputs || before.outputs) return network.outputs;
  const last = before.layers.at(-1);
  const now = network.layers.find(({ origin }) => last && origin === last.origin);
  if (!now || now === network.layers.at(-1)) return null;
  return network.layers.some((layer) => dependencies(layer).includes(now)) ? null : [{ kind: "layer", layer: now, output: null }];
}

/** Gives a name to each layer to which another layer or an output refers. */
function giveNames({ layers, inputs, outputs }: Network): void {
  const taken = new Set([...inputs.map(({ name }) => name), ...layers.flatMap(({ name }) => (name === null ? [] : [name]))]);
  const named = (layer: NetworkLayer) => {
    if (layer.name !== null) return;
    let name = layer.title || `${snakeCase(textOf(layer.value, "layer") ?? "layer")}_${layers.indexOf(layer)}`;
    while (taken.has(name)) name += "_";
    taken.add(name);
    layer.name = name;
  };
  for (const [index, layer] of layers.entries()) {
    if (typeof layer.uses === "object" && layer.uses) named(layer.uses);
    if (isDefault(layer, index, layers, inputs)) continue;
    for (const source of layer.sources) if (source.kind === "layer") named(source.layer);
  }
  for (const source of outputs ?? []) if (source.kind === "layer") named(source.layer);
}

/** Whether a layer takes the layer above, or the only input, and needs no inputs for it. */
function isDefault(layer: NetworkLayer, index: number, layers: readonly NetworkLayer[], inputs: Network["inputs"]): boolean {
  if (!layer.isImplicit) return false;
  const above = layers[index - 1];
  const [source] = layer.sources;
  if (!above && inputs.length !== 1) return layer.sources.length === 0;
  if (layer.sources.length !== 1 || !source) return false;
  return above ? source.kind === "layer" && source.layer === above && source.output === null : source.kind === "input" && source.input === inputs[0];
}

function layerValue(layer: NetworkLayer, index: number, { layers, inputs }: Network): JsonObject {
  const value = layer.value as JsonObject;
  const changes: [key: string, value: Json | undefined][] = [["name", layer.name ?? undefined]];
  if (typeof layer.uses === "object" && layer.uses) changes.push(["use", layer.uses.name ?? ""]);
  changes.push(["inputs", isDefault(layer, index, layers, inputs) ? undefined : layer.sources.map(reference)]);
  let after = value;
  for (const [key, wanted] of changes) {
    // A name as a number stays as it is.
    const now = key === "inputs" ? after[key] : (textOf(after, key) ?? undefined);
    if (isEqual(now, wanted)) continue;
    if (wanted === undefined) after = without(after, key);
    else after = Object.hasOwn(after, key) ? { ...after, [key]: wanted } : withField(after, key, wanted);
  }
  return after;
}

/** Returns a layer with another field behind its class, its `use` and its name. */
function withField(value: JsonObject, key: string, wanted: Json): JsonObject {
  const first = Object.entries(value).filter(([name]) => name === "layer" || name === "use" || name === "name");
  return { ...Object.fromEntries(first), [key]: wanted, ...without(value, ...first.map(([name]) => name)) };
}

function reference(source: Source): string {
  if (source.kind === "unknown") return source.text;
  if (source.kind === "input") return source.input.name;
  return source.output === null ? (source.layer.name ?? "") : `${source.layer.name ?? ""}:${source.output}`;
}

function networkValue(network: Network, before: Network, value: JsonObject, items: readonly Json[], track: (after: JsonObject, from: Json) => JsonObject): JsonObject {
  let after: JsonObject = value;
  if (network.hasOneInput && network.inputs.length === 1 && before.hasOneInput) {
    const input = network.inputs[0]?.value;
    if (input !== undefined && !isEqual(input, after["input"])) after = { ...after, input };
  } else if (network.inputs.length > 0) {
    const inputs = network.inputs.map(({ name, value: input }) => {
      const item = isObject(input) ? input : {};
      return textOf(item, "name") === name ? item : track({ name, ...without(item, "name") }, input);
    });
    if (!isEqual(inputs, after["inputs"])) after = Object.hasOwn(after, "inputs") ? { ...after, inputs } : { inputs, ...without(after, "input") };
  }
  if (!isEqual(items, after["layers"])) after = { ...after, layers: items };
  const outputs = network.outputs?.map(reference);
  if (outputs && outputs.length > 0) return isEqual(outputs, after["outputs"]) ? after : { ...after, outputs };
  return isList(after["outputs"]) ? without(after, "outputs") : after;
}

/** Returns the names of outputs that other fields may name, by their old names. */
function outputNames(network: Network, before: Network): Map<string, string> {
  const old = new Map(outputsOf(before).map((source) => [identity(source), outputName(source)]));
  const names = new Map<string, string>();
  for (const source of outputsOf(network)) {
    const name = old.get(identity(source));
    if (name !== undefined) names.set(name, outputName(source));
  }
  return names;
}

function identity(source: Source): string {
  if (source.kind === "layer") return `${source.layer.origin}:${source.output}`;
  return source.kind === "input" ? `input ${source.input.origin}` : source.text;
}
