// Blocks of layers that a large graph shows closed: a browser becomes slow with 500 to 1,000 nodes in a page.
//
// Blocks follow from the names and classes of the layers alone, so that the document needs no field for them.
import type { Graph, GraphNode } from "./graph/types";
import { findRepeats } from "./repeats";

export { defaultOpen, MAX_MOUNTED, openFor, visibleGraph, type VisibleEdge, type VisibleGraph, type VisibleNode } from "./visible";

/** A block of consecutive layers. */
export interface Block {
  id: string;
  title: string;
  /** Ids of all layers in it. */
  layers: readonly string[];
  /** Ids of layers, and blocks, in the order of the document. */
  children: readonly (string | Block)[];
  /** `prefix`: a common start of the names. `repeat`: a pattern of classes. `part`: a part of a long list. */
  kind: "prefix" | "repeat" | "part";
  /** How often its pattern occurs. */
  repeats: number;
}

type Item = string | Block;

/** A smaller group is no block. */
const MIN_LAYERS = 3;
/** A longer list is cut into parts. */
const MAX_ITEMS = 60;
const PART = 25;
const MAX_TITLE = 60;
/** A longer name, which the API refuses, has no start: each of its separators would be a level of blocks. */
const MAX_NAME = 128;
const SEPARATOR = /[/\\>._-]/u;

/** Returns the outermost blocks of a graph. */
export function findBlocks(graph: Graph): readonly Block[] {
  const layers = graph.layerIds.flatMap((id) => graph.byId.get(id) ?? []);
  return distinct(inParts(withRepeats(byPrefix(layers, ""), graph), graph), new Set()).filter((item) => typeof item !== "string");
}

/** Returns items whose blocks differ in their ids from the blocks around them: a repeat may begin with a repeat. */
function distinct(items: readonly Item[], around: ReadonlySet<string>): Item[] {
  return items.map((item) => {
    if (typeof item === "string") return item;
    let { id } = item;
    while (around.has(id)) id += "'";
    return { ...item, id, children: distinct(item.children, new Set([...around, id])) };
  });
}

/** Returns items in which layers with a common start of their names are blocks. `prefix` is the start that all share. */
function byPrefix(layers: readonly GraphNode[], prefix: string): Item[] {
  const items: Item[] = [];
  for (let begin = 0; begin < layers.length; ) {
    const first = layers[begin] as GraphNode;
    const common = nextPrefix(first.name, prefix);
    const end = common === null ? begin + 1 : endOfRun(layers, begin, common);
    const run = layers.slice(begin, end);
    // A begin that the whole list shares is no block of its own.
    if (common !== null && run.length === layers.length && prefix !== "") return byPrefix(layers, common);
    if (common !== null && run.length >= MIN_LAYERS) items.push(block("prefix", `${common}:${first.id}`, common.replace(/[/\\>._-]+$/u, ""), byPrefix(run, common)));
    else items.push(...run.map(({ id }) => id));
    begin = end;
  }
  return items;
}

/** Returns the start of a name that a block may have: up to the next separator, and with a digit unless it ends with / or a dot. */
function nextPrefix(name: string | null, prefix: string): string | null {
  if (name === null || name.length > MAX_NAME || !name.startsWith(prefix)) return null;
  for (let end = prefix.length + 1; end < name.length; end++) {
    const character = name[end] ?? "";
    if (!SEPARATOR.test(character)) continue;
    // dense_1 and dense_2 are no block: a number that Keras appends is not the start of a name.
    if (character === "/" || character === "." || /\d/u.test(name.slice(prefix.length, end))) return name.slice(0, end + 1);
  }
  return null;
}

/** Returns the end of the layers with a common start of their names. Layers without a name between them belong to it. */
function endOfRun(layers: readonly GraphNode[], begin: number, prefix: string): number {
  let end = begin + 1;
  for (let index = end; index < layers.length; index++) {
    const name = layers[index]?.name ?? null;
    if (name?.startsWith(prefix)) end = index + 1;
    else if (name !== null) break;
  }
  return end;
}

/** Returns items in which repeated patterns of classes are blocks, also inside of blocks. */
function withRepeats(items: readonly Item[], graph: Graph): Item[] {
  const inner = items.map((item) => (typeof item === "string" ? item : { ...item, children: withRepeats(item.children, graph) }));
  const result: Item[] = [];
  let begin = 0;
  for (const found of findRepeats(inner.map((item) => signature(item, graph)))) {
    result.push(...inner.slice(begin, found.begin));
    begin = found.begin + found.period * found.repeats;
    const all = inner.slice(found.begin, begin);
    // A list that is nothing but the pattern is a block of its own already.
    if (all.length === inner.length && inner.length < MAX_ITEMS && found.period === 1) result.push(...all);
    else result.push(repeated(all, found.period, found.repeats, graph));
  }
  return [...result, ...inner.slice(begin)];
}

function repeated(items: readonly Item[], period: number, repeats: number, graph: Graph): Block {
  const first = layersOf(items)[0] ?? "";
  const pattern = items.slice(0, period);
  const title = period === 1 && typeof pattern[0] === "object" ? rangeTitle(items, graph) : `${repeats} × ${cut(pattern.map((item) => nameOf(item, graph)).join(", "))}`;
  if (period === 1) return block("repeat", first, title, items, repeats);
  const children = Array.from({ length: repeats }, (_, index) => {
    const own = items.slice(index * period, (index + 1) * period);
    return block("repeat", `${index + 1}:${layersOf(own)[0] ?? ""}`, `${index + 1} of ${repeats}: ${cut(own.map((item) => nameOf(item, graph)).join(", "))}`, own);
  });
  return block("repeat", first, title, children, repeats);
}

/** Returns items in which a long list is cut into parts, also inside of blocks. */
function inParts(items: readonly Item[], graph: Graph): Item[] {
  let result: Item[] = items.map((item) => (typeof item === "string" ? item : { ...item, children: inParts(item.children, graph) }));
  for (let depth = 0; result.length > MAX_ITEMS; depth++) {
    const parts: Item[] = [];
    for (let begin = 0; begin < result.length; begin += PART) {
      const own = result.slice(begin, begin + PART);
      if (own.length < MIN_LAYERS) parts.push(...own);
      else parts.push(block("part", `${depth}:${layersOf(own)[0] ?? ""}`, rangeTitle(own, graph), own));
    }
    result = parts;
  }
  return result;
}

function block(kind: Block["kind"], key: string, title: string, children: readonly Item[], repeats = 1): Block {
  return { id: `block:${kind}:${key}`, title, layers: layersOf(children), children, kind, repeats };
}

function layersOf(items: readonly Item[]): string[] {
  return items.flatMap((item) => (typeof item === "string" ? [item] : item.layers));
}

function signature(item: Item, graph: Graph): string {
  const layers = typeof item === "string" ? [item] : item.layers;
  return layers.map((id) => graph.byId.get(id)?.className ?? "").join(" ");
}

function nameOf(item: Item, graph: Graph): string {
  return typeof item === "string" ? (graph.byId.get(item)?.className ?? "") : item.title;
}

function rangeTitle(items: readonly Item[], graph: Graph): string {
  const titles = [items[0], items.at(-1)].map((item) => (typeof item === "object" ? item.title : (graph.byId.get(item ?? "")?.title ?? "")));
  return cut(titles.join(" … "));
}

function cut(text: string): string {
  return text.length > MAX_TITLE ? `${text.slice(0, MAX_TITLE - 1)}…` : text;
}
