// Fields outside of the network that name its layers and outputs.
import { getIn, isList, setIn, type Json, type JsonObject, type Path } from "../json";
import { outputsOf, type Network } from "../graph/network";
import type { WrittenNetwork } from "../graph/writeNetwork";

/** The path of a search parameter into a list whose items it names, or counts from 0. */
const ITEM_PATH = /^((network[.[]layer|training[.[]output)s\]?\[)([^\]]+)(\].*)$/su;

export interface References {
  value: JsonObject;
  /** The paths of removed layers, which the search has no more. */
  lost: readonly string[];
}

/** Returns a document in which training.outputs, monitored metrics and the paths of an Experiment follow new names and positions.
 *
 * The path of a removed layer is removed, with its parameter if it has no other one: it would search the next layer.
 */
export function withNewNames(value: JsonObject, specPath: Path, written: WrittenNetwork, before: Network): References {
  let after: Json = value;
  const lost: string[] = [];
  const { outputNames, origins } = written;
  const change = (path: Path, rename: (text: string) => string) => {
    const found = getIn(after, path);
    if (typeof found !== "string") return;
    const wanted = rename(found);
    if (wanted !== found) after = setIn(after, path, wanted);
  };
  const ofMetric = (text: string) => renamedMetric(text, outputNames);
  const training = [...specPath, "training"];
  for (const path of items(after, [...training, "outputs"])) change([...path, "name"], (text) => outputNames.get(text) ?? text);
  // The metrics of a single output do not begin with its name.
  if (outputsOf(before).length > 1) {
    change([...training, "monitor", "metric"], ofMetric);
    for (const path of items(after, [...training, "callbacks"])) change([...path, "monitor"], ofMetric);
    if (specPath.length > 1) change(["spec", "objective", "metric"], ofMetric);
  }
  const parameters = getIn(after, ["spec", "parameters"]);
  if (specPath.length > 1 && isList(parameters)) {
    const kept = parameters.flatMap((parameter) => {
      const paths = getIn(parameter, ["paths"]);
      if (!isList(paths)) return parameter;
      const now = paths.flatMap((path) => {
        const wanted = renamedPath(path, written, before);
        if (wanted === null) lost.push(String(path));
        return wanted ?? [];
      });
      if (now.every((path, index) => path === paths[index]) && now.length === paths.length) return parameter;
      const changed = setIn(parameter, ["paths"], now);
      origins.set(changed, parameter);
      return now.length > 0 ? changed : [];
    });
    if (kept.some((parameter, index) => parameter !== parameters[index]) || kept.length < parameters.length) after = setIn(after, ["spec", "parameters"], kept);
  }
  return { value: after as JsonObject, lost };
}

/** Returns a path with the new name or position of its layer or output; null for a removed layer. */
function renamedPath(path: Json, { layers, outputNames }: WrittenNetwork, before: Network): Json {
  const [, begin, list, key = "", end] = ITEM_PATH.exec(String(path)) ?? [];
  if (!list) return path;
  if (list.startsWith("training")) return `${begin}${outputNames.get(key) ?? key}${end}`;
  const named = before.layers.findIndex(({ name }) => name === key);
  const old = named < 0 ? Number(key) : named;
  if (!before.layers[old]) return path;
  const index = layers.findIndex(({ origin }) => origin === old);
  if (index < 0) return null;
  const name = named < 0 ? null : layers[index]?.name;
  // A layer with a number as its name comes before a position, unless that has a zero in front.
  const position = layers.some((layer) => layer.name === String(index)) ? `0${index}` : index;
  return `${begin}${name ?? position}${end}`;
}

/** Returns a metric of several outputs, such as val_NAME_accuracy, with the new name of its output. */
function renamedMetric(metric: string, names: ReadonlyMap<string, string>): string {
  const begin = metric.startsWith("val_") ? "val_" : "";
  const rest = metric.slice(begin.length);
  // Of digit and digit_2, the metric digit_2_loss is of the longer name.
  const [old] = [...names.keys()].filter((name) => rest.startsWith(`${name}_`)).sort((a, b) => b.length - a.length);
  return old === undefined ? metric : begin + (names.get(old) ?? old) + rest.slice(old.length);
}

function items(value: Json, path: Path): Path[] {
  const list = getIn(value, path);
  return isList(list) ? list.map((_, index) => [...path, index]) : [];
}
