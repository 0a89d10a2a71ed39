/** The description of a model, which a server of any version has sent. */

import type { Output, PageModel, Tensor } from "server-page/model";

const IMAGES = ["None", "Digit", "Resize"] as const;
const CLASS_VALUES = ["probability", "score"] as const;

/** Returns the description of a model; null for content of another form. */
export function readPage(page: unknown): PageModel | null {
  if (!isMapping(page)) return null;
  const { name, version, runtime, limits, example, features } = page;
  const images = IMAGES.find((mode) => mode === page.images);
  const inputs = listOf(page.inputs, tensor);
  const outputs = listOf(page.outputs, output);
  const most = isMapping(limits) ? limits.request_bytes : undefined;
  if (typeof name !== "string" || typeof version !== "string" || typeof runtime !== "string") return null;
  if (!images || !inputs || !outputs || typeof most !== "number") return null;
  const isExample = isMapping(example) && Array.isArray(example.inputs);
  return {
    name,
    version,
    runtime,
    images,
    inputs,
    outputs,
    // Earlier servers have no names of columns.
    ...(isTexts(features) ? { features } : {}),
    example: isExample ? (example as unknown as PageModel["example"]) : null,
    limits: { request_bytes: most },
  };
}

function tensor(found: unknown): Tensor | null {
  if (!isMapping(found)) return null;
  const { name, dtype, shape } = found;
  if (typeof name !== "string" || typeof dtype !== "string" || !Array.isArray(shape)) return null;
  return shape.every(Number.isInteger) ? { name, dtype, shape: shape as number[] } : null;
}

function output(found: unknown): Output | null {
  const known = tensor(found);
  if (!known || !isMapping(found)) return null;
  const names = Array.isArray(found.classes) ? found.classes.map(String) : null;
  return { ...known, classes: names, class_values: CLASS_VALUES.find((value) => value === found.class_values) ?? null };
}

/** Returns the parts of a list; null if it is none, or has a part of another form. */
function listOf<T>(found: unknown, read: (part: unknown) => T | null): T[] | null {
  if (!Array.isArray(found) || found.length === 0) return null;
  const parts = found.map(read).filter((part) => part !== null);
  return parts.length === found.length ? parts : null;
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
