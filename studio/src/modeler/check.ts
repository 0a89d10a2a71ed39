// The answer of a check by the nodes of a graph. Pure.
import type { Checked, DocumentProblem } from "../wire";
import type { Graph } from "./graph/types";
import { pathText } from "./json";

/** A problem with the node that has it; null without one. */
export interface PlacedProblem extends DocumentProblem {
  node: string | null;
}

/** What is known of the nodes of a graph. */
export interface NodeFindings {
  /** All problems, in the order of the answer. */
  all: readonly PlacedProblem[];
  problems: ReadonlyMap<string, readonly PlacedProblem[]>;
  /** Shape of each output, without the batch axis; -1 is an axis of any length. */
  shapes: ReadonlyMap<string, readonly (readonly number[])[]>;
  parameters: ReadonlyMap<string, number | null>;
  /** Paths of the nodes, as the checked text has them. */
  places: ReadonlyMap<string, string>;
}

export const NO_FINDINGS: NodeFindings = { all: [], problems: new Map(), shapes: new Map(), parameters: new Map(), places: new Map() };

/** Returns the findings by node. The graph must be that of the checked text. */
export function findingsOf(checked: Checked, graph: Graph): NodeFindings {
  const problems = new Map<string, PlacedProblem[]>();
  const nodes = new Map<string, string>();
  const places = new Map<string, string>();
  for (const { id, path } of graph.nodes) {
    const place = pathText(path);
    nodes.set(place, id);
    places.set(id, place);
  }
  const all = checked.problems.map((found) => ({ ...found, node: nodeAt(found, graph, nodes) }));
  for (const found of all) {
    if (found.node === null) continue;
    const list = problems.get(found.node);
    if (list) list.push(found);
    else problems.set(found.node, [found]);
  }
  const shapes = new Map<string, readonly (readonly number[])[]>();
  const parameters = new Map<string, number | null>();
  for (const { index, outputs, parameters: count } of checked.layers) {
    const id = graph.layerIds[index];
    if (id === undefined) continue;
    if (outputs.length > 0) shapes.set(id, outputs);
    parameters.set(id, count);
  }
  return { all, problems, shapes, parameters, places };
}

/** Returns the problems of an older text at the nodes of a newer graph: with new paths, and without those of removed nodes and of lines. */
export function movedProblems({ all, places }: NodeFindings, graph: Graph): PlacedProblem[] {
  return all.flatMap((found) => {
    if (typeof found.line === "number") return [];
    if (found.node === null) return found;
    const now = graph.byId.get(found.node);
    if (!now) return [];
    const before = places.get(found.node) ?? "";
    return found.path.startsWith(before) ? { ...found, path: pathText(now.path) + found.path.slice(before.length) } : found;
  });
}

function nodeAt({ layer, path }: DocumentProblem, graph: Graph, nodes: ReadonlyMap<string, string>): string | null {
  const id = typeof layer === "number" ? graph.layerIds[layer] : undefined;
  if (id !== undefined) return id;
  // The path of a field, and then those of the objects around it.
  for (let place = path; place !== ""; place = place.slice(0, Math.max(0, place.lastIndexOf("."), place.lastIndexOf("[")))) {
    const found = nodes.get(place);
    if (found !== undefined) return found;
  }
  return null;
}
