// A layout without dagre, for a browser in which the worker does not run: rows by the longest way from the first layers.
import { NODE_GAP, RANK_GAP, type LayoutAnswer, type LayoutNode, type LayoutQuestion } from "./types";

/** Returns a layout in linear time. */
export function rows({ id, request: { nodes, edges } }: LayoutQuestion): LayoutAnswer {
  const rank = ranks(nodes, edges);
  const byRank: LayoutNode[][] = [];
  for (const node of nodes) (byRank[rank.get(node.id) ?? 0] ??= []).push(node);
  const widthOf = (row: readonly LayoutNode[]) => row.reduce((sum, node) => sum + node.width + NODE_GAP, -NODE_GAP);
  const width = Math.max(0, ...byRank.map(widthOf));
  const found = new Map<string, [number, number]>();
  let y = 0;
  for (const row of byRank) {
    let x = (width - widthOf(row)) / 2;
    for (const node of row) {
      found.set(node.id, [Math.round(x), y]);
      x += node.width + NODE_GAP;
    }
    y += row.reduce((highest, node) => Math.max(highest, node.height), 0) + RANK_GAP;
  }
  return { id, points: nodes.map((node) => found.get(node.id) ?? [0, 0]), bends: [], width, height: Math.max(0, y - RANK_GAP) };
}

/** Returns the rank of each node. Nodes of a cycle, which only a broken document has, get the rank of their first source. */
function ranks(nodes: readonly LayoutNode[], edges: readonly { source: string; target: string }[]): Map<string, number> {
  const rank = new Map(nodes.map(({ id }) => [id, 0]));
  const next = new Map<string, string[]>();
  const waiting = new Map<string, number>();
  for (const { source, target } of edges) {
    if (source === target || !rank.has(source) || !rank.has(target)) continue;
    const targets = next.get(source);
    if (targets) targets.push(target);
    else next.set(source, [target]);
    waiting.set(target, (waiting.get(target) ?? 0) + 1);
  }
  const ready = nodes.map(({ id }) => id).filter((id) => !waiting.get(id));
  for (let id = ready.pop(); id !== undefined; id = ready.pop()) {
    for (const target of next.get(id) ?? []) {
      rank.set(target, Math.max(rank.get(target) ?? 0, (rank.get(id) ?? 0) + 1));
      const left = (waiting.get(target) ?? 0) - 1;
      waiting.set(target, left);
      if (left === 0) ready.push(target);
    }
  }
  return rank;
}
