// The layout from the top to the bottom with dagre. It takes up to seconds, and so runs in a worker.
import dagre from "@dagrejs/dagre";
import { contract } from "./chains";
import { NODE_GAP, RANK_GAP, type LayoutAnswer, type LayoutQuestion, type Point } from "./types";

/** Above this number of nodes the optimal ranks cost too much time. */
const MAX_OPTIMAL = 300;

/** Returns the layout of a graph. */
export function layered({ id, request }: LayoutQuestion): LayoutAnswer {
  const { chains, edges } = contract(request);
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: "TB", rankalign: "top", nodesep: NODE_GAP, ranksep: RANK_GAP, edgesep: NODE_GAP / 2, ranker: chains.length > MAX_OPTIMAL ? "longest-path" : "network-simplex" });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id: name, width, height } of chains) graph.setNode(name, { width, height });
  for (const { source, target } of edges) graph.setEdge(source, target);
  dagre.layout(graph);
  const found = new Map<string, Point>();
  for (const { id: name, nodes, height } of chains) {
    // dagre gives the centre.
    const { x = 0, y = 0 } = graph.node(name) as { x?: number; y?: number };
    let top = y - height / 2;
    for (const node of nodes) {
      found.set(node.id, [Math.round(x - node.width / 2), Math.round(top)]);
      top += node.height + RANK_GAP;
    }
  }
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  const bends = edges.flatMap(({ source, target, from, to }) => {
    const { points = [] } = graph.edge(source, target) as { points?: { x: number; y: number }[] };
    // The first and the last point are on the boxes, and one in the middle is always there.
    const inner = points.slice(1, -1).map(({ x, y }): Point => [Math.round(x), Math.round(y)]);
    return inner.length > 1 ? [{ source: from, target: to, points: inner }] : [];
  });
  return { id, points: request.nodes.map((node) => found.get(node.id) ?? [0, 0]), bends, width, height };
}
