// Edits of arguments, of the training and of other fields.
import { getIn, isObject, setIn, without, type Json, type JsonObject, type Path } from "../json";
import { EditRefused, networkEdit, type Edit } from "./edit";
import { freeName } from "./layers";

/** What an edit changes of an input of the network. */
export interface InputChanges {
  name?: string;
  shape?: readonly number[];
  dtype?: string | undefined;
}

/** Returns an edit of an argument of a layer, a loss or an optimizer; undefined removes it. */
export function setArgument(node: string, key: string, value: Json | undefined): Edit {
  return {
    label: `${value === undefined ? "remove" : "set"} ${key}`,
    mergeKey: `argument ${node} ${key}`,
    apply: ({ document, graph }) => {
      const found = graph.byId.get(node);
      if (!found || found.kind === "metrics" || found.kind === "data") throw new EditRefused("This box has no arguments.", "Select a layer, a loss or the optimizer.");
      const before = getIn(document.value, found.path);
      // `optimizer: Adam` becomes {name: Adam, …} with its first argument, and the other way round.
      const holder = isObject(before) ? before : typeof before === "string" ? { name: before } : {};
      if (value === undefined && !Object.hasOwn(holder, key)) return { value: document.value };
      const after = value === undefined ? without(holder, key) : { ...holder, [key]: value };
      return changed(document.value, found.path, after, before);
    },
  };
}

/** Returns an edit of a field of the object, such as ["metadata", "name"]; undefined removes it. */
export function setField(path: Path, value: Json | undefined): Edit {
  return fieldEdit(path, value, () => path);
}

/** Returns an edit of a field of the TrainingJob's spec, also in the template of an Experiment; undefined removes it. */
export function setSpecField(path: Path, value: Json | undefined): Edit {
  return fieldEdit(path, value, (specPath) => [...specPath, ...path]);
}

/** Returns an edit of an input of the network. References follow a new name. */
export function setInput(index: number, { name, ...changes }: InputChanges): Edit {
  return networkEdit("change an input", (network) => {
    const input = network.inputs[index];
    if (!input) throw new EditRefused("The input does not exist any more.", "Select another input.");
    if (name !== undefined && name !== input.name) {
      const isTaken = network.inputs.some((other) => other.name === name) || network.layers.some((layer) => layer.name === name);
      if (isTaken) throw new EditRefused(`Another layer or input has the name ${name}.`, "Choose another name.");
      input.name = name;
      network.hasOneInput = false;
    }
    let value: Json = isObject(input.value) ? input.value : {};
    for (const [key, wanted] of Object.entries(changes)) value = setIn(value, [key], wanted);
    input.value = value;
    return undefined;
  }, `input ${index}`);
}

/** Returns an edit that adds an input to the network, with the shape of the first one. */
export function addInput(): Edit {
  return networkEdit("add an input", (network) => {
    const name = freeName("input", network);
    const [first] = network.inputs;
    const shape = (isObject(first?.value) ? first.value["shape"] : undefined) ?? [28, 28, 1];
    network.inputs = [...network.inputs, { name, origin: null, value: { name, shape } }];
    network.hasOneInput = false;
    return undefined;
  });
}

/** Returns an edit that removes an input of the network, with the connections to it. */
export function removeInput(index: number): Edit {
  return networkEdit("remove an input", (network) => {
    const gone = network.inputs[index];
    if (!gone || network.inputs.length === 1) throw new EditRefused("A network has at least one input.", "Add another input first.");
    for (const layer of network.layers) {
      const kept = layer.sources.filter((source) => source.kind !== "input" || source.input !== gone);
      if (kept.length < layer.sources.length) layer.isImplicit = false;
      layer.sources = kept;
    }
    network.inputs = network.inputs.filter((input) => input !== gone);
    return undefined;
  });
}

function fieldEdit(path: Path, value: Json | undefined, place: (specPath: Path) => Path): Edit {
  const name = String(path.findLast((step) => typeof step === "string") ?? "");
  return {
    label: `${value === undefined ? "remove" : "set"} ${name}`,
    mergeKey: `field ${path.join(".")}`,
    apply: ({ document }) => ({ value: setIn(document.value, place(document.specPath), value) as JsonObject }),
  };
}

function changed(document: JsonObject, path: Path, after: JsonObject, before: Json | undefined): { value: JsonObject; origins: Map<Json, Json> } {
  const isOnlyName = typeof before === "string" && Object.keys(after).length === 1 && after["name"] === before;
  const value = setIn(document, path, isOnlyName ? before : after) as JsonObject;
  return { value, origins: new Map(before === undefined ? [] : [[after, before]]) };
}
