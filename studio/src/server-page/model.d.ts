// The description of a model for a page, from /page/model.json of its server.

export interface Tensor {
  name: string;
  /** As of numpy; str for texts. */
  dtype: string;
  /** The first axis is that of the samples; -1 is an axis of any length. */
  shape: readonly number[];
}

export interface Output extends Tensor {
  classes: readonly string[] | null;
  /** Name of the number that each class has; null for an output without classes. */
  class_values: "probability" | "score" | null;
}

export interface InferInput {
  name: string;
  datatype: string;
  shape: number[];
  data: unknown[];
}

/** A request of Open Inference. */
export interface InferRequest {
  inputs: InferInput[];
}

export interface PageModel {
  name: string;
  version: string;
  /** The program that computes, such as ONNX Runtime. */
  runtime: string;
  inputs: readonly Tensor[];
  outputs: readonly Output[];
  /** How the server reads photographs; None if it reads none. */
  images: "None" | "Digit" | "Resize";
  /** Names of the columns of the first input, for a model of a table. */
  features?: readonly string[] | null;
  example: InferRequest | null;
  limits: { request_bytes: number };
}
