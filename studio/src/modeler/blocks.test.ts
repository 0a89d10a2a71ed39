import { expect, test } from "vitest";
import { defaultOpen, findBlocks, MAX_MOUNTED, openFor, visibleGraph, type Block } from "./blocks";
import { parseDocument } from "./document/parse";
import { toGraph } from "./graph/graph";
import type { Graph } from "./graph/types";
import { BRANCHED, chain, random } from "./testing";

function graphOf(layers: readonly string[]): Graph {
  const text = chain(0).replace("layers:\n\n", `layers:\n${layers.map((layer) => `    - ${layer}\n`).join("")}`);
  const { document } = parseDocument(text);
  if (!document) throw new Error("broken");
  return toGraph(document);
}

const outline = (items: readonly (string | Block)[]): unknown[] => items.map((item) => (typeof item === "string" ? item : [item.title, outline(item.children)]));
const flat = (blocks: readonly Block[]): Block[] => blocks.flatMap((block) => [block, ...flat(block.children.filter((child) => typeof child !== "string"))]);

test("names with a common start are a block, with layers without a name between them", () => {
  const graph = graphOf([
    "{layer: Conv2D, name: stem}", "{layer: Conv2D, name: block1_conv}", "{layer: ReLU}", "{layer: Add, name: block1_add}",
    "{layer: Conv2D, name: enc/a}", "{layer: Dense, name: enc/b}", "{layer: Flatten, name: enc/c}", "{layer: Dense, name: dense_1}", "{layer: Dropout, name: dense_2}", "{layer: Dense, name: dense_3}",
  ]);
  expect(outline(findBlocks(graph))).toEqual([["block1", ["layer-1", "layer-2", "layer-3"]], ["enc", ["layer-4", "layer-5", "layer-6"]]]);
});

test("names with two begins are blocks in a block", () => {
  const graph = graphOf(["stage1_block1_a", "stage1_block1_b", "stage1_block1_c", "stage1_block2_x", "stage1_block2_y", "stage1_block2_z"].map((name, index) => `{layer: L${index}, name: ${name}}`).concat("{layer: Dense}"));
  expect(outline(findBlocks(graph))).toEqual([["stage1", [["stage1_block1", ["layer-0", "layer-1", "layer-2"]], ["stage1_block2", ["layer-3", "layer-4", "layer-5"]]]]]);
});

test("a repeated pattern of classes is a block of blocks", () => {
  const pattern = ["{layer: Conv2D, filters: 8}", "{layer: BatchNormalization}", "{layer: ReLU}"];
  const blocks = findBlocks(graphOf([...pattern, ...pattern, ...pattern, "{layer: Flatten}"]));
  expect(blocks.map(({ title, repeats }) => [title, repeats])).toEqual([["3 × Conv2D, BatchNormalization, ReLU", 3]]);
  expect(blocks[0]?.children).toHaveLength(3);
});

test("blocks of equal layers are repeated, too", () => {
  const named = [1, 2, 3, 4, 5].flatMap((number) => ["Conv2D", "ReLU", "Add"].map((layer) => `{layer: ${layer}, name: block${number}_${layer}}`));
  const blocks = findBlocks(graphOf(["{layer: Rescaling}", ...named, "{layer: Dense}"]));
  expect(blocks.map(({ title, repeats }) => [title, repeats])).toEqual([["block1 … block5", 5]]);
});

test("a small graph opens with its layers, and a large one with closed blocks", () => {
  const { document } = parseDocument(BRANCHED);
  const small = document && toGraph(document);
  if (!small) throw new Error("broken");
  expect(visibleGraph(small, findBlocks(small), defaultOpen(small, findBlocks(small))).nodes).toHaveLength(small.nodes.length);
  const large = graphOf(Array.from({ length: 1000 }, (_, index) => `{layer: Dense, units: ${index + 1}}`));
  const blocks = findBlocks(large);
  const { nodes, edges } = visibleGraph(large, blocks, defaultOpen(large, blocks));
  expect(nodes.map(({ id }) => id)).toEqual(["data", "input-0", blocks[0]?.id, "loss", "metrics", "optimizer"]);
  expect(edges.map(({ source, target }) => `${source} ${target}`)).toContain(`input-0 ${blocks[0]?.id}`);
});

test("at most MAX_MOUNTED nodes are mounted, whatever is opened, and all layers have a place", () => {
  const classes = ["Dense", "Conv2D", "ReLU", "Add", "Dropout", "Flatten", "LSTM", "GRU"];
  for (let seed = 1; seed <= 12; seed++) {
    const chance = random(seed);
    const graph = graphOf(Array.from({ length: 1000 }, (_, index) => {
      const name = chance() < 0.5 ? `, name: b${Math.floor(index / (5 + seed))}_${Math.floor(index / 3)}_l${index}` : "";
      return `{layer: ${classes[Math.floor(chance() * (seed % 8 + 1))]}${name}}`;
    }));
    const blocks = findBlocks(graph);
    const all = flat(blocks);
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    const visible = visibleGraph(graph, blocks, all.map(({ id }) => id));
    const framed = new Set(visible.nodes.flatMap(({ parents }) => parents));
    expect(visible.nodes.length + framed.size).toBeLessThanOrEqual(MAX_MOUNTED);
    expect(visibleGraph(graph, blocks, []).nodes.length).toBeLessThanOrEqual(100);
    const ids = new Set(visible.nodes.map(({ id }) => id));
    for (const { id } of graph.nodes) expect(ids.has(visible.ownerOf.get(id) ?? "")).toBe(true);
    for (const { source, target } of visible.edges) expect(ids.has(source) && ids.has(target)).toBe(true);
    // The block of a layer that is looked for is opened before all others.
    const layer = graph.layerIds[777] ?? "";
    const opened = visibleGraph(graph, blocks, openFor(blocks, visible.open, layer));
    expect(opened.ownerOf.get(layer)).toBe(layer);
    expect(opened.nodes.length).toBeLessThanOrEqual(MAX_MOUNTED);
  }
});

test("a repeat of blocks that begin with a repeat opens", () => {
  const pair = ["Conv2D", "BatchNormalization"];
  const named = Array.from({ length: 24 }, (_, index) => `{layer: ${pair[index % 2]}, name: b${Math.floor(index / 6)}_${index % 6}}`);
  const graph = graphOf(["{layer: Rescaling}", ...named, "{layer: Dense}"]);
  const blocks = findBlocks(graph);
  const all = flat(blocks);
  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
  const opened = visibleGraph(graph, blocks, [blocks[0]?.id ?? ""]);
  expect(opened.nodes.flatMap(({ block }) => block?.title ?? [])).toEqual(["b0", "b1", "b2", "b3"]);
});

test("a name of 40,000 characters is no start of blocks", () => {
  const graph = graphOf([1, 2, 3].map((number) => `{layer: Dense, name: ${"a/".repeat(20_000)}${number}}`));
  expect(findBlocks(graph)).toEqual([]);
});

test("a closed block around an open one hides it", () => {
  const graph = graphOf(["stage1_block1_a", "stage1_block1_b", "stage1_block1_c", "stage1_x", "stage1_y"].map((name, index) => `{layer: L${index}, name: ${name}}`).concat("{layer: Dense}"));
  const blocks = findBlocks(graph);
  const [outer] = blocks;
  const inner = outer?.children.find((child) => typeof child === "object") as Block;
  const closed = visibleGraph(graph, blocks, [inner.id]);
  expect(closed.ownerOf.get("layer-0")).toBe(outer?.id);
  const open = visibleGraph(graph, blocks, [outer?.id ?? "", inner.id]);
  expect(open.nodes.find(({ id }) => id === "layer-0")?.parents.map(({ title }) => title)).toEqual(["stage1", "stage1_block1"]);
});
