// Descriptions of models for tests.
import type { Output, PageModel, Tensor } from "server-page/model";

/** Returns an input or output; `axes` are those of a sample. */
export function tensor(name: string, axes: readonly number[], dtype = "float32"): Tensor {
  return { name, dtype, shape: [-1, ...axes] };
}

/** Returns an output with a probability for each class. */
export function classes(name: string, names: readonly string[]): Output {
  return { ...tensor(name, [names.length]), classes: names, class_values: "probability" };
}

/** Returns a model of a table with 3 columns and 2 classes; `changes` are the fields that a test is about. */
export function makeModel(changes: Partial<PageModel> = {}): PageModel {
  return {
    name: "digits", version: "1a2b3c4d", runtime: "ONNX Runtime", inputs: [tensor("features", [3])],
    outputs: [classes("answer", ["no", "yes"])], images: "None", example: null, limits: { request_bytes: 8 * 2 ** 20 }, ...changes,
  };
}
