// The words of a node: its arguments, shapes and numbers. Pure.
import type { GraphNode } from "../../../modeler/graph/types";
import type { NodeFindings } from "../../../modeler/check";
import { formatCount } from "../../../parts/format";
import { textOf } from "../form/values";

const MAX_ARGUMENTS = 3;
const MAX_VALUE = 24;

/** Names of the boxes around the network. */
export const HEADS: Partial<Record<GraphNode["kind"], string>> = { data: "Data", input: "Input", loss: "Loss", metrics: "Metrics", optimizer: "Optimizer" };

/** Returns a shape without the batch, such as 26×26×32; `?` is an axis of any length. */
export function shapeText(shape: readonly number[]): string {
  if (shape.length === 0) return "scalar";
  return shape.map((size) => (size < 0 ? "?" : String(size))).join("×");
}

/** Returns a number of parameters, such as 12,544 or 1.2 M. */
export function parametersText(count: number): string {
  if (count < 100_000) return formatCount(count);
  const [unit, size] = count < 1_000_000_000 ? ["M", 1_000_000] : ["G", 1_000_000_000];
  if (count < 1_000_000) return `${Math.round(count / 1000)} k`;
  return `${(count / Number(size)).toFixed(count < 10 * Number(size) ? 1 : 0)} ${unit}`;
}

/** Returns the first arguments of a node, such as `filters 32 · kernel_size 3`. */
export function argumentsText(node: GraphNode): string {
  const shown = Object.entries(node.arguments).slice(0, MAX_ARGUMENTS);
  return shown.map(([name, value]) => `${name} ${cut(textOf(value))}`).join(" · ");
}

function cut(text: string): string {
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}…` : text;
}

/** Returns a sentence that names a node for a screen reader. */
export function nodeLabel(node: GraphNode, findings: NodeFindings): string {
  const shapes = findings.shapes.get(node.id)?.map(shapeText) ?? [];
  const parameters = findings.parameters.get(node.id);
  const problems = findings.problems.get(node.id)?.length ?? 0;
  const head = HEADS[node.kind] ?? node.className;
  const own = HEADS[node.kind] ? node.className || node.title : node.title;
  const name = [head, own !== head ? own : ""].filter(Boolean).join(" ");
  return [
    name,
    shapes.length > 0 ? `gives ${shapes.join(" and ")}` : "",
    parameters ? `${formatCount(parameters)} parameters` : "",
    problems > 0 ? `${problems} ${problems === 1 ? "problem" : "problems"}` : "",
  ].filter(Boolean).join(", ");
}
