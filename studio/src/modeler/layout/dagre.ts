// The layout from the top to the bottom with dagre. It takes seconds for 1,000 nodes, and so runs in a worker.
import dagre from "@dagrejs/dagre";
import { NODE_GAP, RANK_GAP, type LayoutAnswer, type LayoutQuestion } from "./types";

/** Above this number of nodes the optimal ranks cost too much time. */
const MAX_OPTIMAL = 400;

/** Returns the layout of a graph. */
export function layered({ id, request: { nodes, edges } }: LayoutQuestion): LayoutAnswer {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: "TB", nodesep: NODE_GAP, ranksep: RANK_GAP, edgesep: NODE_GAP / 2, ranker: nodes.length > MAX_OPTIMAL ? "longest-path" : "network-simplex" });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id: name, width, height } of nodes) graph.setNode(name, { width, height });
  for (const { source, target } of edges) if (source !== target && graph.hasNode(source) && graph.hasNode(target)) graph.setEdge(source, target);
  dagre.layout(graph);
  // dagre gives centres.
  const points = nodes.map(({ id: name, width, height }): [number, number] => {
    const { x = 0, y = 0 } = graph.node(name) as { x?: number; y?: number };
    return [Math.round(x - width / 2), Math.round(y - height / 2)];
  });
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  return { id, points, width, height };
}
