import type { InferRequest, PageModel } from "./model";
import type { Refusal } from "./refusal";

export interface TensorElements {
  form: HTMLFormElement;
  request: HTMLTextAreaElement;
  fields: HTMLElement;
  origin: HTMLElement;
  example: HTMLButtonElement;
  outputs: HTMLElement;
}

export interface Tensors {
  model: PageModel;
  elements: TensorElements;
  infer: (body: string, options: { signal: AbortSignal }) => Promise<unknown>;
  refused: (refusal: Refusal) => void;
  answered?: () => void;
  say: (text: string) => void;
  signal?: AbortSignal;
}

export interface TensorPart {
  again: () => Promise<void>;
  write: (request: InferRequest, words: string) => void;
}

export function tensors(options: Tensors): TensorPart;
