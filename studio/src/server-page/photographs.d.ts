import type { PageModel } from "./model";
import type { Refusal } from "./refusal";

export interface PhotographElements {
  answers: HTMLElement;
  several: HTMLInputElement;
  files: HTMLInputElement;
  drop: HTMLElement;
  /** These three are for a model of digits. */
  pad?: HTMLCanvasElement;
  undo?: HTMLButtonElement;
  clear?: HTMLButtonElement;
}

export interface Photographs {
  model: PageModel;
  elements: PhotographElements;
  predict: (body: Blob, type: string, options: { several: boolean; signal: AbortSignal }) => Promise<unknown>;
  refused: (refusal: Refusal) => void;
  answered?: () => void;
  say: (text: string) => void;
  signal?: AbortSignal;
}

export function photographs(options: Photographs): () => void;
