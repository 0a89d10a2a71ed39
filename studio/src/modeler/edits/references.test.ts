import { expect, test } from "vitest";
import { ModelerSession } from "../session";
import { BRANCHED, chain, edited, example, idOf } from "../testing";
import { removeLayers, renameLayer, sortLayers } from "./layers";

const PATHS = `"network.layers[conv].filters", "network.layers[2].units"`;

test("the paths of a removed layer leave the search, and those of the layers behind it move", () => {
  const text = BRANCHED.replace(PATHS, `${PATHS}, "network.layers[6].units"`).replace("  template:", `  - {name: other, paths: ["network[layers][02].activation"], values: [relu]}   # of the third\n  template:`);
  const session = new ModelerSession(text);
  const told: string[] = [];
  expect(session.apply(removeLayers([idOf(session.getState().graph, "flat")]), (notice) => void told.push(notice))).toBeNull();
  expect(session.getState().text).toContain(`paths: ["network.layers[conv].filters", "network.layers[1].units", "network.layers[5].units"]`);
  expect(session.getState().text).toContain(`paths: ["network[layers][1].activation"], values: [relu]}   # of the third`);
  expect(told).toEqual([]);
  expect(session.apply(removeLayers([idOf(session.getState().graph, "dense_1"), idOf(session.getState().graph, "conv")]), (notice) => void told.push(notice))).toBeNull();
  expect(session.getState().text).toContain(`- {name: filters, paths: ["network.layers[3].units"]`);
  expect(session.getState().text).not.toContain("name: other");
  expect(told).toEqual(["Removed from the search, too: network.layers[conv].filters, network.layers[1].units, network[layers][1].activation"]);
  expect(session.undo() && session.undo()).toBe(true);
  expect(session.getState().text).toBe(text);
});

test("sorted layers keep their paths, and a layer without its name has one by its position", () => {
  const text = BRANCHED.replace("        - {layer: Dense, units: 10}\n", "        - {layer: Dense, units: 10, inputs: [digit]}\n");
  expect(edited(text, () => sortLayers())).toContain(`["network.layers[conv].filters", "network.layers[5].units"]`);
  const unnamed = edited(chain(2).replace("TrainingJob", "Experiment").replace("spec:\n  network", `spec:\n  parameters: [{name: a, paths: ["network.layers[x].units"]}]\n  template:\n   spec:\n    network`).replaceAll(/^ {4}(?=input|layers|-)/gmu, "      ").replace("  training", "    training").replace("units: 1}", "name: x, units: 1}"), (graph) => renameLayer(idOf(graph, "x"), null));
  expect(unnamed).toContain(`paths: ["network.layers[0].units"]`);
});

test("a layer whose new name is a number takes no path of the layer at this position", () => {
  expect(edited(BRANCHED, (graph) => renameLayer(idOf(graph, "side"), "2"))).toContain(`"network.layers[02].units"`);
});

test("an output whose name begins another one is renamed alone, with the paths of its training", () => {
  const longer = BRANCHED.replaceAll("side", "digit_2").replaceAll("val_digit_accuracy", "val_digit_2_loss").replace(PATHS, `${PATHS}, "training.outputs[digit].weight", "training[outputs][digit_2].weight"`);
  const after = edited(longer, (graph) => renameLayer(idOf(graph, "digit"), "number"));
  expect(after).toContain("metric: val_digit_2_loss, goal");
  expect(after).toContain("monitor: {metric: val_digit_2_loss}");
  expect(after).toContain(`"training.outputs[number].weight", "training[outputs][digit_2].weight"`);
  expect(edited(longer, (graph) => renameLayer(idOf(graph, "digit_2"), "side"))).toBe(longer.replaceAll("digit_2", "side"));
});

test("a metric of a single output is none of its name", () => {
  const text = example("digits").replace("{layer: Dense, units: 10, activation: softmax}", "{layer: Dense, name: val, units: 10, activation: softmax}").replace("monitor: val_loss", "monitor: val_val_loss");
  expect(text).toContain("name: val,");
  expect(edited(text, (graph) => renameLayer(idOf(graph, "val"), "x"))).toContain("monitor: val_val_loss");
});
