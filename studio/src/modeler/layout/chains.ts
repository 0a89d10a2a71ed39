// Chains of nodes without branches: a layout places each as one tall box, which saves most of its time and its recursion.
import { RANK_GAP, type LayoutNode, type LayoutRequest } from "./types";

/** Nodes below each other. A chain of one node is that node. */
export interface Chain {
  id: string;
  nodes: readonly LayoutNode[];
  width: number;
  height: number;
}

export interface Contracted {
  chains: readonly Chain[];
  /** Edges between chains, with the edges of the request. */
  edges: readonly { source: string; target: string; from: string; to: string }[];
}

/** Returns the chains of a graph in the order of their first nodes, and the edges among them. */
export function contract({ nodes, edges }: LayoutRequest): Contracted {
  const known = new Map(nodes.map((node) => [node.id, node]));
  const targets = new Map<string, Set<string>>();
  const sources = new Map<string, Set<string>>();
  for (const { source, target } of edges) {
    if (source === target || !known.has(source) || !known.has(target)) continue;
    setOf(targets, source).add(target);
    setOf(sources, target).add(source);
  }
  const next = (id: string): string | undefined => {
    const [only] = targets.get(id) ?? [];
    return only !== undefined && targets.get(id)?.size === 1 && sources.get(only)?.size === 1 ? only : undefined;
  };
  const inside = new Set(nodes.flatMap(({ id }) => next(id) ?? []));
  const chains: Chain[] = [];
  const chainOf = new Map<string, string>();
  const add = (first: string) => {
    const own: LayoutNode[] = [];
    for (let id: string | undefined = first; id !== undefined && !chainOf.has(id); id = next(id)) {
      const node = known.get(id);
      if (node) own.push(node);
      chainOf.set(id, first);
    }
    const height = own.reduce((sum, node) => sum + node.height + RANK_GAP, -RANK_GAP);
    chains.push({ id: first, nodes: own, width: Math.max(...own.map(({ width }) => width)), height });
  };
  for (const { id } of nodes) if (!inside.has(id)) add(id);
  // A cycle without a start, which only a broken document has.
  for (const { id } of nodes) if (!chainOf.has(id)) add(id);
  const between = [...targets].flatMap(([from, all]) => [...all].map((to) => ({ source: chainOf.get(from) ?? from, target: chainOf.get(to) ?? to, from, to })));
  return { chains, edges: between.filter(({ source, target }) => source !== target) };
}

function setOf(map: Map<string, Set<string>>, key: string): Set<string> {
  const found = map.get(key) ?? new Set();
  map.set(key, found);
  return found;
}
