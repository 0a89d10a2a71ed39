// Fields outside of the network that name its layers and outputs.
import { getIn, isList, setIn, type Json, type JsonObject, type Path } from "../json";
import type { Network } from "../graph/network";
import type { WrittenNetwork } from "../graph/writeNetwork";

const LAYER_PATH = /^(network\.layers\[)([^\]]+)(\].*)$/su;

/** Returns a document in which training.outputs, monitored metrics and the paths of an Experiment follow new names and positions. */
export function withNewNames(value: JsonObject, specPath: Path, written: WrittenNetwork, before: Network): JsonObject {
  let after: Json = value;
  const change = (path: Path, rename: (text: string) => string) => {
    const found = getIn(after, path);
    if (typeof found !== "string") return;
    const wanted = rename(found);
    if (wanted !== found) after = setIn(after, path, wanted);
  };
  if (written.outputNames.size > 0) {
    const ofMetric = (text: string) => renamedMetric(text, written.outputNames);
    const training = [...specPath, "training"];
    for (const path of items(after, [...training, "outputs"])) change([...path, "name"], (text) => written.outputNames.get(text) ?? text);
    change([...training, "monitor", "metric"], ofMetric);
    for (const path of items(after, [...training, "callbacks"])) change([...path, "monitor"], ofMetric);
    if (specPath.length > 1) change(["spec", "objective", "metric"], ofMetric);
  }
  if (specPath.length > 1) {
    const keys = newKeys(written, before);
    if (keys.size === 0) return after;
    for (const path of items(after, ["spec", "parameters"])) {
      for (const place of items(after, [...path, "paths"])) change(place, (text) => text.replace(LAYER_PATH, (_, begin: string, key: string, end: string) => begin + (keys.get(key) ?? key) + end));
    }
  }
  return after as JsonObject;
}

/** Returns the new name or position of each layer by its old one, where they differ. */
function newKeys({ layers }: WrittenNetwork, before: Network): Map<string, string> {
  const keys = new Map<string, string>();
  for (const [index, { origin, name }] of layers.entries()) {
    if (origin === null) continue;
    const old = before.layers[origin]?.name ?? null;
    if (old !== null && name !== null && old !== name) keys.set(old, name);
    if (origin !== index) keys.set(String(origin), String(index));
  }
  return keys;
}

/** Returns a metric of several outputs, such as val_NAME_accuracy, with the new name of its output. */
function renamedMetric(metric: string, names: ReadonlyMap<string, string>): string {
  const begin = metric.startsWith("val_") ? "val_" : "";
  const rest = metric.slice(begin.length);
  for (const [old, name] of names) if (rest.startsWith(`${old}_`)) return begin + name + rest.slice(old.length);
  return metric;
}

function items(value: Json, path: Path): Path[] {
  const list = getIn(value, path);
  return isList(list) ? list.map((_, index) => [...path, index]) : [];
}
