// Documents for tests.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Edit } from "./edits/edit";
import type { Graph } from "./graph/types";
import { ModelerSession } from "./session";

/** Returns an example of the repository. */
export function example(name: string): string {
  return readFileSync(join(import.meta.dirname, "../../../manifests/examples", `${name}.yaml`), "utf8");
}

/** Examples that draw a network. */
export const EXAMPLES = ["digits", "mnist", "mnist-search", "mnist-gpu"] as const;

/** A network with a branch, comments, two notations and an Experiment's references. */
export const BRANCHED = `# An Experiment.
apiVersion: epochal.dev/v1alpha1
kind: Experiment
metadata:
  name: branched   # its name
spec:
  objective: {metric: val_digit_accuracy, goal: Maximize}
  parameters:
  - {name: filters, paths: ["network.layers[conv].filters", "network.layers[2].units"], int: {min: 8, max: 32}}
  template:
    spec:
      data: {bucket: data}
      network:
        # Two pictures.
        inputs:
        - {name: left, shape: [28, 28, 1]}
        - name: right      # the other one
          shape: [28, 28, 1]
        layers:
        # The begin.
        - {layer: Conv2D, name: conv, inputs: [left], filters: 8, kernel_size: 3}   # first
        - layer: Flatten
          name: flat
          # Takes the other picture.
          inputs: [right]
        - {layer: Dense, units: 10}
        - {layer: Flatten, name: flat2, inputs: [conv]}
        - layer: Concatenate
          name: both
          inputs:
          - flat
          - flat2   # from conv
        - {layer: Dense, name: digit, units: 10}
        - {layer: Dense, name: side, inputs: [both], units: 1}
        # The end.
        outputs: [digit, side]
      training:
        outputs:
        - {name: digit, loss: SparseCategoricalCrossentropy, metrics: [accuracy]}
        - {name: side, loss: MeanSquaredError}
        monitor: {metric: val_digit_accuracy}
        optimizer: Adam
`;

/** Returns a document with a chain of layers. */
export function chain(count: number): string {
  const layers = Array.from({ length: count }, (_, index) => `    - {layer: Dense, units: ${index + 1}}`);
  return `kind: TrainingJob\nmetadata: {name: chain}\nspec:\n  network:\n    input: {shape: [4]}\n    layers:\n${layers.join("\n")}\n  training: {loss: MeanSquaredError}\n`;
}

/** Returns numbers from 0 to 1 that are the same in each run. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

/** Returns a text after an edit. */
export function edited(text: string, make: (graph: Graph) => Edit): string {
  const session = new ModelerSession(text);
  const refused = session.apply(make(session.getState().graph));
  if (refused) throw new Error(refused.message);
  return session.getState().text;
}

/** Returns the id of the node with a title. */
export function idOf(graph: Graph, title: string): string {
  const found = graph.nodes.find((node) => node.title === title);
  if (!found) throw new Error(`no node ${title}: ${graph.nodes.map((node) => node.title).join(", ")}`);
  return found.id;
}
