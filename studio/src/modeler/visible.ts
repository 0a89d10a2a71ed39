// The nodes and edges that the canvas mounts: of open blocks their layers, of closed ones a single node.
import type { Block } from "./blocks";
import type { Graph, GraphEdge, GraphNode } from "./graph/types";

/** Maximum number of nodes in the page, with the frames of open blocks. With 240 nodes, a frame took 34 ms (p95) of a goal of 33 ms. */
export const MAX_MOUNTED = 200;
/** A graph with fewer nodes opens with open blocks. */
const SMALL = 60;
/** Maximum number of nodes that are no layers; only a broken document has more. */
const MAX_OTHERS = 100;

/** A node of the graph, or a closed block. */
export interface VisibleNode {
  id: string;
  node: GraphNode | null;
  block: Block | null;
  /** The open blocks around it, outermost first. */
  parents: readonly Block[];
}

export interface VisibleEdge {
  id: string;
  source: string;
  target: string;
  /** The connections that it stands for. */
  edges: readonly GraphEdge[];
}

export interface VisibleGraph {
  nodes: readonly VisibleNode[];
  edges: readonly VisibleEdge[];
  /** The blocks that are open: of those asked for, the last ones that fit into MAX_MOUNTED nodes. */
  open: readonly string[];
  /** Ids of visible nodes by the ids of the graph's nodes. */
  ownerOf: ReadonlyMap<string, string>;
}

/** Returns the blocks that are open in the beginning: all of them in a small graph, and none in a large one. */
export function defaultOpen(graph: Graph, blocks: readonly Block[]): readonly string[] {
  return graph.nodes.length <= SMALL ? allBlocks(blocks).map(({ block }) => block.id) : [];
}

/** Returns the visible part of a graph. `open` are ids of blocks, the one opened last at the end. */
export function visibleGraph(graph: Graph, blocks: readonly Block[], open: readonly string[]): VisibleGraph {
  const layers = new Set(graph.layerIds);
  const others = graph.nodes.filter(({ id }) => !layers.has(id)).slice(0, MAX_OTHERS);
  const known = allBlocks(blocks);
  const grouped = new Set(blocks.flatMap((block) => block.layers));
  const outermost = layers.size - grouped.size + blocks.length;
  const opened = fitting(known, open, outermost + others.length);
  const nodes: VisibleNode[] = [];
  const ownerOf = new Map<string, string>();
  const show = (id: string, parents: readonly Block[]) => {
    const node = graph.byId.get(id);
    if (!node) return;
    nodes.push({ id, node, block: null, parents });
    ownerOf.set(id, id);
  };
  const showBlock = (block: Block, parents: readonly Block[]) => {
    if (opened.has(block.id)) {
      for (const child of block.children) if (typeof child === "string") show(child, [...parents, block]);
      else showBlock(child, [...parents, block]);
      return;
    }
    nodes.push({ id: block.id, node: null, block, parents });
    for (const layer of block.layers) ownerOf.set(layer, block.id);
  };
  for (const { id, kind } of others) if (kind === "data" || kind === "input" || kind === "source") show(id, []);
  const first = new Map(blocks.map((block) => [block.layers[0], block]));
  for (const id of graph.layerIds) {
    const block = first.get(id);
    if (block) showBlock(block, []);
    else if (!grouped.has(id)) show(id, []);
  }
  for (const { id, kind } of others) if (kind !== "data" && kind !== "input" && kind !== "source") show(id, []);
  return { nodes, edges: visibleEdges(graph, ownerOf), open: open.filter((id) => opened.has(id)), ownerOf };
}

/** Returns open blocks with those around a node, so that the node is visible. */
export function openFor(blocks: readonly Block[], open: readonly string[], node: string): readonly string[] {
  const around = allBlocks(blocks).filter(({ block }) => block.layers.includes(node)).map(({ block }) => block.id);
  return around.length === 0 ? open : [...open.filter((id) => !around.includes(id)), ...around];
}

/** Returns the blocks of `open` that are visible and fit, those at the end of the list first. */
function fitting(known: readonly { block: Block; parents: readonly Block[] }[], open: readonly string[], mounted: number): Set<string> {
  const byId = new Map(known.map((each) => [each.block.id, each]));
  const wanted = new Set(open);
  const opened = new Set<string>();
  let count = mounted;
  for (const id of [...open].reverse()) {
    const found = byId.get(id);
    if (!found?.parents.every((parent) => wanted.has(parent.id))) continue;
    const missing = [...found.parents, found.block].filter((each) => !opened.has(each.id));
    // An open block is replaced by its children and a frame.
    const more = missing.reduce((sum, { children }) => sum + children.length, 0);
    if (count + more > MAX_MOUNTED) continue;
    count += more;
    for (const each of missing) opened.add(each.id);
  }
  return opened;
}

function allBlocks(blocks: readonly Block[], parents: readonly Block[] = []): { block: Block; parents: readonly Block[] }[] {
  return blocks.flatMap((block) => [{ block, parents }, ...allBlocks(block.children.filter((child) => typeof child !== "string"), [...parents, block])]);
}

function visibleEdges(graph: Graph, ownerOf: ReadonlyMap<string, string>): VisibleEdge[] {
  const found = new Map<string, VisibleEdge & { edges: GraphEdge[] }>();
  for (const edge of graph.edges) {
    const source = ownerOf.get(edge.source);
    const target = ownerOf.get(edge.target);
    if (source === undefined || target === undefined || source === target) continue;
    const id = `${source}→${target}`;
    const known = found.get(id);
    if (known) known.edges.push(edge);
    else found.set(id, { id, source, target, edges: [edge] });
  }
  return [...found.values()];
}
