import { expect, test } from "vitest";
import { parseDocument } from "../document/parse";
import { BRANCHED, chain } from "../testing";
import { toGraph } from "./graph";
import { layerTitles } from "./network";

function graphOf(text: string) {
  const { document, partial } = parseDocument(text);
  const found = document ?? partial;
  if (!found) throw new Error("broken");
  return toGraph(found);
}

test("data is in front, and loss, metrics and optimizer of each output behind", () => {
  const graph = graphOf(BRANCHED);
  expect(graph.nodes.map(({ id, title, className }) => `${id} ${title} ${className}`.trim())).toEqual([
    "data data", "input-0 left", "input-1 right", "layer-0 conv Conv2D", "layer-1 flat Flatten", "layer-2 dense_2 Dense", "layer-3 flat2 Flatten", "layer-4 both Concatenate",
    "layer-5 digit Dense", "layer-6 side Dense", "loss:digit digit SparseCategoricalCrossentropy", "metrics:digit digit accuracy", "loss:side side MeanSquaredError", "metrics:side side", "optimizer  Adam",
  ]);
  expect(graph.edges.map(({ id, isImplicit, isFixed }) => `${id} ${isImplicit ? "implicit" : ""}${isFixed ? "fixed" : ""}`.trim())).toEqual([
    "data→input-0:0 fixed", "data→input-1:0 fixed", "input-0→layer-0:0", "input-1→layer-1:0", "layer-1→layer-2:0 implicit", "layer-0→layer-3:0", "layer-1→layer-4:0", "layer-3→layer-4:1",
    "layer-4→layer-5:0 implicit", "layer-4→layer-6:0", "layer-5→loss:digit:0 fixed", "layer-5→metrics:digit:0 fixed", "layer-6→loss:side:0 fixed", "layer-6→metrics:side:0 fixed", "loss:digit→optimizer:0 fixed", "loss:side→optimizer:1 fixed",
  ]);
  expect(graph.byId.get("loss:side")?.path).toEqual(["spec", "template", "spec", "training", "outputs", 1, "loss"]);
});

test("outputs of a layer, another call of it, and names that are missing", () => {
  const text = chain(0).replace("layers:\n\n", "layers:\n    - {layer: LSTM, name: l, return_state: true}\n    - {layer: Dense, name: a, inputs: [\"l:1\"]}\n    - {use: a, inputs: [\"l:2\", gone]}\n    - 3\n");
  const graph = graphOf(text);
  expect(graph.edges.filter(({ output }) => output !== null).map(({ source, target, output }) => `${source} ${target} ${output}`)).toEqual(["layer-0 layer-1 1", "layer-0 layer-2 2"]);
  expect(graph.byId.get("layer-2")).toMatchObject({ className: "use", uses: "layer-1", title: "a_2" });
  expect(graph.dangling).toEqual([{ node: "layer-2", input: 1, text: "gone" }]);
  expect(graph.byId.get("layer-3")).toMatchObject({ className: "", title: "layer_3" });
});

test("more inputs and outputs than the API allows are left out of the drawing", () => {
  const names = "a,".repeat(20_000);
  const network = graphOf(chain(1).replace("layers:", `outputs: [${names}]\n    layers:`));
  expect(network.nodes.filter(({ kind }) => kind === "loss")).toHaveLength(16);
  const model = graphOf(`kind: TrainingJob\nspec:\n  data: {bucket: b}\n  model: {uri: "s3://a/b.keras"}\n  training: {outputs: [${names}]}\n`);
  expect(model.nodes.filter(({ kind }) => kind === "loss")).toHaveLength(16);
  const inputs = graphOf(`kind: TrainingJob\nspec:\n  network:\n    inputs: [${names}]\n    layers: [{layer: Dense}]\n`);
  expect(inputs.nodes.filter(({ kind }) => kind === "input")).toHaveLength(16);
});

test("a saved model or code stands in place of the network", () => {
  const graph = graphOf("kind: TrainingJob\nspec:\n  data: {bucket: b}\n  model: {uri: \"s3://a/b.keras\"}\n  training: {loss: {name: Huber, delta: 2}}\n");
  expect(graph.source).toBe("model");
  expect(graph.nodes.map(({ id }) => id)).toEqual(["data", "source", "loss", "metrics", "optimizer"]);
  expect(graph.byId.get("loss")).toMatchObject({ className: "Huber", arguments: { delta: 2 } });
  expect(graphOf("kind: TrainingJob\nspec: {}\n").source).toBe("none");
});

test("default names are those of the API", () => {
  // As Network.layer_names in api/src/epochal_api/trainingjob/network.py.
  const items = [{ layer: "Conv2D" }, { layer: "MaxPooling2D" }, { layer: "BatchNormalization", name: "conv2d_0" }, { layer: "LSTM" }, { use: "conv2d_0" }];
  expect(layerTitles(items, ["input"], [])).toEqual(["conv2d_0_", "max_pooling2d_1", "conv2d_0", "lstm_3", "conv2d_0_4"]);
});

test("1,000 layers are a graph of as many", () => {
  const graph = graphOf(chain(1000));
  expect(graph.layerIds).toHaveLength(1000);
  expect(graph.edges).toHaveLength(1000 + 4);
});
