// Edits of layers: add, remove, duplicate, rename, sort.
import { classOf, type NetworkLayer, type Source } from "../graph/network";
import { inOrder } from "../graph/order";
import { isObject, without, type JsonObject } from "../json";
import { EditRefused, networkEdit, type Edit, type EditableNetwork } from "./edit";
import { insertLayers, type Place } from "./place";

/** Returns an edit that adds a layer, such as {layer: "Dense", units: 10}, and selects it. */
export function addLayer(layer: JsonObject, place: Place): Edit {
  return networkEdit(`add ${classOf(layer)}`, (network, context) => {
    const added = newLayer(layer);
    added.name = typeof layer["name"] === "string" ? freeName(layer["name"], network) : null;
    insertLayers(network, context, [added], place);
    return [added];
  });
}

/** Returns an edit that removes layers. A consumer takes the first input of a removed layer in its place. */
export function removeLayers(nodes: readonly string[]): Edit {
  return networkEdit(nodes.length === 1 ? "remove a layer" : `remove ${nodes.length} layers`, (network) => {
    const gone = new Set(nodes.map(network.layer));
    for (const layer of network.layers) {
      if (gone.has(layer)) continue;
      layer.sources = bypassed(layer.sources, gone);
      if (typeof layer.uses === "object" && layer.uses && gone.has(layer.uses)) {
        const used = layer.uses;
        throw new EditRefused(`${layer.title} uses the weights of ${used.title}.`, `Remove ${layer.title}, too.`);
      }
    }
    const outputs = network.outputs && bypassed(network.outputs, gone).filter(({ kind }) => kind !== "input");
    network.outputs = outputs && outputs.length > 0 ? outputs : null;
    network.layers = network.layers.filter((layer) => !gone.has(layer));
    return [];
  });
}

/** Returns an edit that puts a copy of layers behind the last of them, with the connections among them. */
export function duplicateLayers(nodes: readonly string[]): Edit {
  return networkEdit(nodes.length === 1 ? "duplicate a layer" : `duplicate ${nodes.length} layers`, (network, context) => {
    const chosen = new Set(nodes.map(network.layer));
    const originals = network.layers.filter((layer) => chosen.has(layer));
    const copies = new Map(originals.map((layer) => [layer, newLayer(isObject(layer.value) ? layer.value : {})]));
    const taken: NetworkLayer[] = [];
    for (const [layer, copy] of copies) {
      copy.name = layer.name === null ? null : freeName(layer.name, network, taken);
      taken.push(copy);
      copy.sources = layer.sources.map((source) => copyOf(source, copies));
      copy.uses = typeof layer.uses === "object" && layer.uses ? (copies.get(layer.uses) ?? layer.uses) : layer.uses;
    }
    const last = context.graph.layerIds[originals.at(-1)?.origin ?? -1];
    insertLayers(network, context, taken, last === undefined ? { kind: "end" } : { kind: "after", node: last });
    return taken;
  });
}

/** Returns an edit that calls a layer again, with the same weights.
 *
 * The call takes an input of the network that no layer takes, as in a network with two equal branches; without one, it
 * takes the inputs of the layer until the user connects others.
 */
export function callAgain(node: string): Edit {
  return networkEdit("use a layer again", (network) => {
    const chosen = network.layer(node);
    if (typeof chosen.uses === "string") throw new EditRefused(`${chosen.title} uses a layer that does not exist.`, "Correct its field use in the YAML.");
    const used = chosen.uses ?? chosen;
    const free = network.inputs.find((input) => !network.layers.some(({ sources }) => sources.some((source) => source.kind === "input" && source.input === input)));
    const call = { ...newLayer({ use: used.name ?? used.title }), uses: used, sources: free ? [{ kind: "input" as const, input: free }] : [...used.sources], isImplicit: false };
    const position = network.layers.indexOf(used) + 1;
    network.layers = [...network.layers.slice(0, position), call, ...network.layers.slice(position)];
    return [call];
  });
}

/** Returns an edit that renames a layer, with all references to it; null gives it its default name. */
export function renameLayer(node: string, name: string | null): Edit {
  return networkEdit("rename a layer", (network) => {
    const layer = network.layer(node);
    const wanted = name?.trim() || null;
    const isTaken = network.layers.some((other) => other !== layer && other.name === wanted) || network.inputs.some((input) => input.name === wanted);
    if (wanted !== null && isTaken) throw new EditRefused(`Another layer or input has the name ${wanted}.`, "Choose another name.");
    layer.name = wanted;
    // The default name of the API, where another layer needs a name to refer to.
    if (wanted === null) layer.title = "";
    return undefined;
  }, `rename ${node}`);
}

/** Returns an edit that gives a layer another class and keeps its arguments. */
export function setLayerClass(node: string, className: string): Edit {
  return networkEdit(`change to ${className}`, (network) => {
    const layer = network.layer(node);
    const value = isObject(layer.value) ? layer.value : {};
    layer.value = "layer" in value ? { ...value, layer: className } : { layer: className, ...without(value, "use") };
    layer.uses = null;
    return undefined;
  });
}

/** Returns an edit that puts each layer behind the layers whose outputs it takes. */
export function sortLayers(): Edit {
  return networkEdit("sort the layers", (network) => {
    network.layers = inOrder(network.layers) ?? network.layers;
    return undefined;
  });
}

/** Returns a layer that the document lacks. */
export function newLayer(value: JsonObject): NetworkLayer {
  return { origin: null, value: without(value, "inputs", "name"), name: null, title: "", uses: typeof value["use"] === "string" ? value["use"] : null, sources: [], isImplicit: true };
}

/** Returns a name that no layer and no input has: conv_2 for another conv. */
export function freeName(name: string, network: EditableNetwork, more: readonly NetworkLayer[] = []): string {
  const taken = new Set([...network.layers, ...more].flatMap((layer) => [layer.name, layer.origin === null ? null : layer.title]).concat(network.inputs.map((input) => input.name)));
  if (!taken.has(name)) return name;
  const [, begin = name] = /^(.*?)(?:_\d+)?$/su.exec(name) ?? [];
  let number = 2;
  while (taken.has(`${begin}_${number}`)) number++;
  return `${begin}_${number}`;
}

function bypassed(sources: readonly Source[], gone: ReadonlySet<NetworkLayer>): Source[] {
  return sources.flatMap((source) => {
    let found: Source | undefined = source;
    while (found?.kind === "layer" && gone.has(found.layer)) found = found.layer.sources[0];
    return found ? [found] : [];
  });
}

function copyOf(source: Source, copies: ReadonlyMap<NetworkLayer, NetworkLayer>): Source {
  const copy = source.kind === "layer" ? copies.get(source.layer) : undefined;
  return copy && source.kind === "layer" ? { ...source, layer: copy } : source;
}
