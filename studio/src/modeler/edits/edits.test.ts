import { expect, test } from "vitest";
import { parseDocument } from "../document/parse";
import { toGraph } from "../graph/graph";
import type { Graph } from "../graph/types";
import { ModelerSession } from "../session";
import { BRANCHED, chain, edited, example, EXAMPLES, idOf, random } from "../testing";
import { pasteLayers, copyLayers } from "./clipboard";
import { connect, canConnect, disconnect, setInputs, setOutputs } from "./connections";
import type { Edit } from "./edit";
import { addInput, removeInput, setArgument, setField, setInput, setSpecField } from "./fields";
import { addLayer, callAgain, duplicateLayers, removeLayers, renameLayer, setLayerClass, sortLayers } from "./layers";

/** Returns the lines that an edit removes (-) and adds (+). */
function lines(before: string, after: string): string[] {
  const old = before.split("\n");
  const now = after.split("\n");
  const common: string[][] = [];
  let start = 0;
  while (start < Math.min(old.length, now.length) && old[start] === now[start]) start++;
  let end = 0;
  while (end < Math.min(old.length, now.length) - start && old.at(-1 - end) === now.at(-1 - end)) end++;
  common.push(old.slice(start, old.length - end).map((line) => `-${line.trim()}`), now.slice(start, now.length - end).map((line) => `+${line.trim()}`));
  return common.flat();
}

const edgesOf = (text: string) => {
  const { document } = parseDocument(text);
  if (!document) throw new Error("broken");
  const graph = toGraph(document);
  const title = (id: string) => graph.byId.get(id)?.title ?? "";
  return graph.edges.filter(({ isFixed }) => !isFixed).map(({ source, target }) => `${title(source)} > ${title(target)}`);
};

test("an argument changes its own text alone", () => {
  const text = example("digits");
  expect(lines(text, edited(text, (graph) => setArgument(graph.layerIds[1] ?? "", "filters", 32)))).toEqual([
    "-- {layer: Conv2D, filters: 16, kernel_size: 3, activation: relu}",
    "+- {layer: Conv2D, filters: 32, kernel_size: 3, activation: relu}",
  ]);
  expect(lines(text, edited(text, (graph) => setArgument(graph.layerIds[1] ?? "", "padding", "same")))).toEqual([
    "-- {layer: Conv2D, filters: 16, kernel_size: 3, activation: relu}",
    "+- {layer: Conv2D, filters: 16, kernel_size: 3, activation: relu, padding: same}",
  ]);
  expect(lines(text, edited(text, (graph) => setArgument(graph.layerIds[1] ?? "", "kernel_size", undefined)))).toEqual([
    "-- {layer: Conv2D, filters: 16, kernel_size: 3, activation: relu}",
    "+- {layer: Conv2D, filters: 16, activation: relu}",
  ]);
});

test("a layer is added in the notation of the list, and into the chain", () => {
  const text = example("digits");
  const after = edited(text, (graph) => addLayer({ layer: "MaxPooling2D", pool_size: 2 }, { kind: "after", node: graph.layerIds[1] ?? "" }));
  expect(lines(text, after)).toEqual(["+- {layer: MaxPooling2D, pool_size: 2}"]);
  expect(after.indexOf("MaxPooling2D")).toBeGreaterThan(after.indexOf("Conv2D"));
});

test("a layer in a connection is named where it must be", () => {
  const after = edited(BRANCHED, (graph) => {
    const edge = graph.edges.find(({ source, target }) => source === idOf(graph, "flat2") && target === idOf(graph, "both"));
    return addLayer({ layer: "Dropout", rate: 0.5 }, { kind: "edge", edge: edge?.id ?? "" });
  });
  expect(lines(BRANCHED, after)).toEqual([
    "-- layer: Concatenate", "-name: both", "-inputs:", "-- flat", "-- flat2   # from conv",
    "+- {layer: Dropout, name: dropout_4, rate: 0.5}", "+- layer: Concatenate", "+name: both", "+inputs:", "+- flat", "+- dropout_4   # from conv",
  ]);
});

test("a new name is written everywhere, and comments stay", () => {
  const after = edited(BRANCHED, (graph) => renameLayer(idOf(graph, "digit"), "number"));
  expect(after).toBe(BRANCHED.replaceAll("digit", "number"));
  const conv = edited(BRANCHED, (graph) => renameLayer(idOf(graph, "conv"), "stem"));
  expect(conv).toBe(BRANCHED.replace("name: conv", "name: stem").replace("inputs: [conv]", "inputs: [stem]").replace("layers[conv]", "layers[stem]"));
});

test("a layer in front of others moves the positions in an Experiment's paths", () => {
  const after = edited(BRANCHED, (graph) => addLayer({ layer: "Rescaling", scale: 0.1 }, { kind: "after", node: idOf(graph, "left") }));
  expect(after).toContain(`"network.layers[3].units"`);
  expect(after).toContain("- {layer: Rescaling, name: rescaling_0, inputs: [left], scale: 0.1}");
  expect(after).toContain("inputs: [rescaling_0], filters: 8");
});

test("removing a layer leads its input to its consumers", () => {
  const after = edited(BRANCHED, (graph) => removeLayers([idOf(graph, "flat2")]));
  expect(edgesOf(after)).toContain("conv > both");
  expect(after).toContain("- conv   # from conv");
  expect(after).not.toContain("flat2");
});

test("removing all layers leaves an empty list", () => {
  const after = edited(example("digits"), (graph) => removeLayers(graph.layerIds));
  expect(after).toContain("layers: []");
  const again = edited(after, () => addLayer({ layer: "Dense", units: 3 }, { kind: "end" }));
  expect(again).toContain("    layers:\n    - {layer: Dense, units: 3}\n");
});

test("a layer whose weights another one uses stays", () => {
  const text = chain(1).replace("  training", "    - {use: a, inputs: [b]}\n  training").replace("{layer: Dense, units: 1}", "{layer: Dense, name: a}\n    - {layer: Dense, name: b}");
  const session = new ModelerSession(text);
  const { graph } = session.getState();
  expect(session.apply(removeLayers([idOf(graph, "a")]))?.message).toContain("uses the weights of a");
  expect(session.apply(removeLayers([idOf(graph, "a"), idOf(graph, "a_2")]))).toBeNull();
});

test("a layer is used again for the input that no layer takes, and each call is one of the same layer", () => {
  const session = new ModelerSession(example("digits"));
  const [first = "", second = ""] = session.getState().graph.layerIds;
  expect(session.apply(addInput())).toBeNull();
  expect(session.apply(callAgain(first))).toBeNull();
  const { text, graph, selection } = session.getState();
  expect(text).toContain("- {use: rescaling_0, inputs: [input_2]}");
  expect(parseDocument(text).problems).toEqual([]);
  const [call = ""] = selection;
  expect(graph.byId.get(call)?.uses).toBe(first);
  expect(graph.edges.find(({ target }) => target === second)?.source).toBe(first);
  expect(session.apply(callAgain(call))).toBeNull();
  expect(session.getState().graph.nodes.filter(({ uses }) => uses === first)).toHaveLength(2);
  expect(session.undo() && session.undo() && session.undo()).toBe(true);
  expect(session.getState().text).toBe(example("digits"));
});

test("connecting names the source, and moves the target behind it", () => {
  const after = edited(BRANCHED, (graph) => connect(idOf(graph, "dense_2"), idOf(graph, "both")));
  expect(edgesOf(after)).toContain("dense_2 > both");
  expect(after).toContain("{layer: Dense, name: dense_2, units: 10}");
  const moved = edited(BRANCHED, (graph) => connect(idOf(graph, "side"), idOf(graph, "dense_2"), { input: 0 }));
  // Its default name has its new position.
  expect(edgesOf(moved)).toContain("side > dense_5");
  expect(moved.indexOf("- {layer: Dense, units: 10}")).toBeGreaterThan(moved.indexOf("name: side"));
});

test("a cycle is refused, and nothing changes", () => {
  const session = new ModelerSession(BRANCHED);
  const { graph } = session.getState();
  expect(canConnect(graph, idOf(graph, "both"), idOf(graph, "conv"))?.message).toContain("cycle");
  expect(session.apply(connect(idOf(graph, "both"), idOf(graph, "conv")))?.message).toContain("cycle");
  expect(session.getState().text).toBe(BRANCHED);
});

test("the last connection of a layer leaves an empty list", () => {
  const after = edited(example("digits"), (graph) => disconnect(graph.edges.find(({ target }) => target === graph.layerIds[2])?.id ?? ""));
  expect(after).toContain("- {layer: Flatten, inputs: []}");
});

test("inputs and outputs are set in their order", () => {
  const after = edited(BRANCHED, (graph) => setInputs(idOf(graph, "both"), [{ node: idOf(graph, "flat2"), output: null }, { node: idOf(graph, "flat"), output: null }]));
  expect(edgesOf(after).filter((edge) => edge.endsWith("both"))).toEqual(["flat2 > both", "flat > both"]);
  const one = edited(BRANCHED, (graph) => setOutputs([{ node: idOf(graph, "side"), output: null }]));
  expect(one).toContain("outputs: [side]");
});

test("an optimizer with its first argument becomes an object, and a text without the last", () => {
  const text = edited(BRANCHED, () => setArgument("optimizer", "learning_rate", 1e-7));
  expect(text).toContain("optimizer: {name: Adam, learning_rate: 1.0e-7}");
  expect(edited(text, () => setArgument("optimizer", "learning_rate", undefined))).toContain("optimizer: {name: Adam}");
});

test("fields of training, data and metadata are set in their place", () => {
  const text = example("digits");
  expect(lines(text, edited(text, () => setSpecField(["training", "epochs"], 20)))).toEqual(["-epochs: 8", "+epochs: 20"]);
  expect(lines(text, edited(text, () => setSpecField(["training", "batchSize"], 16)))).toEqual(["+batchSize: 16"]);
  expect(lines(text, edited(text, () => setField(["metadata", "name"], "on")))).toEqual(["-name: digits", `+name: "on"`]);
  expect(edited(BRANCHED, () => setField(["metadata", "name"], "other"))).toBe(BRANCHED.replace("name: branched", "name: other"));
  expect(lines(text, edited(text, () => setSpecField(["training", "callbacks"], undefined)))).toEqual(["-callbacks:", "-- {callback: EarlyStopping, monitor: val_loss, patience: 3, restore_best_weights: true}"]);
});

test("an input is renamed with its references, added and removed", () => {
  const text = edited(BRANCHED, () => setInput(1, { name: "second", dtype: "uint8" }));
  expect(text).toContain("- name: second      # the other one");
  expect(text).toContain("inputs: [second]");
  expect(text).toContain("dtype: uint8");
  const one = edited(example("digits"), () => addInput());
  expect(one).toContain("- {name: input, shape: [8, 8, 1]}");
  expect(one).toContain("- {name: input_2, shape: [8, 8, 1]}");
  expect(edgesOf(one)[0]).toBe("input > rescaling_0");
  const removed = edited(BRANCHED, () => removeInput(1));
  expect(removed).not.toContain("right");
  expect(edgesOf(removed)).not.toContain("right > flat");
});

test("copied layers are YAML that another document takes", () => {
  const session = new ModelerSession(BRANCHED);
  const { graph } = session.getState();
  const copied = copyLayers(session.getState(), [idOf(graph, "flat"), idOf(graph, "both"), idOf(graph, "digit")]);
  expect(copied).toContain("# Takes the other picture.");
  const after = edited(example("digits"), (other) => pasteLayers(copied, { kind: "after", node: other.layerIds[3] ?? "" }));
  expect(edgesOf(after)).toEqual(["input > rescaling_0", "rescaling_0 > conv2_d_1".replace("conv2_d", "conv2d"), "conv2d_1 > flatten_2", "flatten_2 > dropout_3", "dropout_3 > flat", "flat > both", "both > digit", "digit > dense_7"]);
  expect(session.getState().text).toBe(BRANCHED);
});

test("pasting twice gives new names, and other texts are refused", () => {
  const text = "- {layer: Dense, name: a}\n- {layer: Dense, name: b, inputs: [a]}\n";
  const session = new ModelerSession(chain(1));
  expect(session.apply(pasteLayers(text, { kind: "end" }))).toBeNull();
  expect(session.apply(pasteLayers(text, { kind: "end" }))).toBeNull();
  expect(edgesOf(session.getState().text)).toEqual(["input > dense_0", "dense_0 > a", "a > b", "b > a_2", "a_2 > b_2"]);
  for (const bad of ["", "x", "[1]", "a: [", "- {units: 3}"]) expect(session.apply(pasteLayers(bad, { kind: "end" }))?.reason).toBe("EditRefused");
});

test("a duplicate follows the original", () => {
  expect(edgesOf(edited(chain(3), (graph) => duplicateLayers(graph.layerIds.slice(0, 2))))).toHaveLength(5);
  const after = edited(BRANCHED, (graph) => duplicateLayers([idOf(graph, "both")]));
  expect(edgesOf(after)).toEqual(expect.arrayContaining(["both > both_2", "flat2 > both_2", "both_2 > digit"]));
});

test("another class keeps the arguments", () => {
  expect(edited(example("digits"), (graph) => setLayerClass(graph.layerIds[1] ?? "", "Conv1D"))).toContain("{layer: Conv1D, filters: 16,");
});

test("sorting moves a layer with its comments", () => {
  const text = chain(0).replace("layers:\n\n", "layers:\n    # Sums.\n    - {layer: Add, name: sum, inputs: [x, input]} # end\n    # First.\n    - {layer: Dense, name: x, inputs: [input]}\n");
  const after = edited(text, () => sortLayers());
  expect(lines(text, after)).toEqual([
    "-# Sums.", "-- {layer: Add, name: sum, inputs: [x, input]} # end", "-# First.", "-- {layer: Dense, name: x, inputs: [input]}",
    "+# First.", "+- {layer: Dense, name: x, inputs: [input]}", "+# Sums.", "+- {layer: Add, name: sum, inputs: [x, input]} # end",
  ]);
});

test("a place that an anchor shares is refused, and an alias is replaced", () => {
  const text = "kind: TrainingJob\nspec:\n  network:\n    input: {shape: [4]}\n    layers:\n    - {layer: Dense, units: &n 4}\n    - {layer: Dense, units: *n}\n    - &d {layer: Dropout, rate: 0.5}\n    - *d\n";
  expect(edited(text, (graph) => setArgument(graph.layerIds[1] ?? "", "units", 5))).toContain("units: 5}");
  expect(edited(text, (graph) => setArgument(graph.layerIds[3] ?? "", "rate", 0.1))).toContain("- {layer: Dropout, rate: 0.1}");
  const session = new ModelerSession(text);
  expect(session.apply(setArgument(session.getState().graph.layerIds[0] ?? "", "units", 5))?.remedy).toContain("anchor");
  expect(session.getState().text).toBe(text);
});

test("JSON and CRLF are edited, too", () => {
  const json = JSON.stringify(parseDocument(example("digits")).document?.value, null, 2);
  expect(edgesOf(edited(json, (graph) => removeLayers(graph.layerIds.slice(0, 1))))).toHaveLength(4);
  expect(edgesOf(edited(json, (graph) => addLayer({ layer: "Dense", units: 1 }, { kind: "after", node: graph.layerIds[0] ?? "" })))).toHaveLength(6);
  const windows = example("digits").replaceAll("\n", "\r\n");
  expect(edited(windows, (graph) => setArgument(graph.layerIds[1] ?? "", "filters", 32))).toBe(windows.replace("filters: 16", "filters: 32"));
  expect(edgesOf(edited(windows, (graph) => removeLayers(graph.layerIds.slice(0, 1))))).toHaveLength(4);
});

/** Returns an edit by chance; undefined if the graph has no place for it. */
function anyEdit(graph: Graph, chance: () => number): Edit | undefined {
  const pick = <Item>(items: readonly Item[]) => items[Math.floor(chance() * items.length)];
  const layer = pick(graph.layerIds);
  const other = pick(graph.layerIds);
  const edge = pick(graph.edges.filter(({ isFixed }) => !isFixed));
  if (layer === undefined || other === undefined) return addLayer({ layer: "Dense", units: 2 }, { kind: "end" });
  const kinds: (() => Edit | undefined)[] = [
    () => addLayer({ layer: "Dense", units: Math.floor(chance() * 100) }, { kind: "after", node: layer }),
    () => addLayer({ layer: "ReLU" }, { kind: "branch", node: layer }),
    () => edge && addLayer({ layer: "Dropout", rate: chance() }, { kind: "edge", edge: edge.id }),
    () => removeLayers([layer]),
    () => removeLayers([layer, other].filter((id, index, all) => all.indexOf(id) === index)),
    () => renameLayer(layer, chance() < 0.3 ? null : `n${Math.floor(chance() * 1e6)}`),
    () => setArgument(layer, "units", Math.floor(chance() * 100)),
    () => setArgument(layer, "kernel_initializer", { name: "VarianceScaling", scale: chance() }),
    () => setArgument(layer, "units", undefined),
    () => connect(layer, other),
    () => edge && disconnect(edge.id),
    () => duplicateLayers([layer]),
    () => setOutputs([{ node: layer, output: null }]),
    () => setSpecField(["training", "epochs"], Math.floor(chance() * 100)),
    () => setField(["metadata", "labels"], chance() < 0.5 ? { a: "b" } : undefined),
    () => sortLayers(),
  ];
  return pick(kinds)?.();
}

test("any edits keep comments of other parts, name no missing layer, and undo to the same bytes", () => {
  const begins = [BRANCHED, ...EXAMPLES.map(example), chain(12)];
  for (let seed = 1; seed <= 14; seed++) {
    const chance = random(seed);
    const text = begins[seed % begins.length] ?? "";
    const session = new ModelerSession(text);
    const states: { text: string; ids: readonly string[] }[] = [];
    for (let step = 0; step < 10; step++) {
      const { graph } = session.getState();
      const edit = anyEdit(graph, chance);
      const before = session.getState();
      if (!edit) continue;
      delete edit.mergeKey;
      const refused = session.apply(edit);
      const now = session.getState();
      if (refused) {
        expect(refused.reason, `${seed}: ${edit.label}`).toBe("EditRefused");
        // Only for reasons of the network: the notation is always writable.
        expect(refused.message).not.toContain("shared");
        expect(now.text).toBe(before.text);
      } else if (now.text !== before.text) {
        states.push({ text: before.text, ids: before.graph.layerIds });
        expect(now.problems).toEqual([]);
        expect(now.graph.dangling, `${seed}: ${edit.label}`).toEqual([]);
        expect(new Set(now.graph.layerIds).size).toBe(now.graph.layerIds.length);
        const kept = before.graph.layerIds.filter((id) => now.graph.byId.has(id));
        for (const id of kept) if (edit.label !== "change to" && !edit.label.startsWith("remove") && !edit.label.startsWith("set")) expect(now.graph.byId.get(id)?.className).toBe(before.graph.byId.get(id)?.className);
      }
    }
    // Comments on lines of their own are never part of what an edit removes here, except inside of a removed layer.
    const comments = text.split("\n").filter((line) => line.trim().startsWith("#") && !line.includes("Takes the other"));
    for (const comment of comments) expect(session.getState().text).toContain(comment.trim());
    const last = session.getState().text;
    for (const state of [...states].reverse()) {
      expect(session.undo()).toBe(true);
      expect(session.getState().text).toBe(state.text);
      expect(session.getState().graph.layerIds).toEqual(state.ids);
    }
    expect(session.undo()).toBe(false);
    expect(session.getState().text).toBe(text);
    while (session.redo());
    expect(session.getState().text).toBe(last);
  }
});
