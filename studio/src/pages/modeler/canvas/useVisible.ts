// The visible part of a graph, with its layout: blocks are open or closed, and at most MAX_MOUNTED nodes are mounted.
import { useCallback, useMemo, useState } from "react";
import { findBlocks, type Block } from "../../../modeler/blocks";
import type { Graph } from "../../../modeler/graph/types";
import { useLayout } from "../../../modeler/hooks";
import type { Layout, LayoutRequest } from "../../../modeler/layout/types";
import { defaultOpen, openFor, visibleGraph } from "../../../modeler/visible";
import { NODE_HEIGHT, NODE_WIDTH } from "./LayerNode";

export interface VisibleState {
  visible: ReturnType<typeof visibleGraph>;
  layout: Layout | null;
  /** Opens a closed block, and closes an open one. */
  toggle: (block: Block) => void;
  /** Opens the blocks that hide a node. */
  openTo: (node: string) => void;
}

export function useVisible(graph: Graph): VisibleState {
  const blocks = useMemo(() => findBlocks(graph), [graph]);
  // Null until the user opens or closes a block: then the size of the graph decides.
  const [chosen, setChosen] = useState<readonly string[] | null>(null);
  const open = useMemo(() => chosen ?? defaultOpen(graph, blocks), [chosen, graph, blocks]);
  const visible = useMemo(() => visibleGraph(graph, blocks, open), [graph, blocks, open]);

  // An edit of an argument draws the same nodes in the same places.
  const shape = `${visible.nodes.map(({ id }) => id).join(" ")}|${visible.edges.map(({ source, target }) => `${source}>${target}`).join(" ")}`;
  const request = useMemo<LayoutRequest>(
    () => ({
      nodes: visible.nodes.map(({ id }) => ({ id, width: NODE_WIDTH, height: NODE_HEIGHT })),
      edges: visible.edges.map(({ source, target }) => ({ source, target })),
    }),
    // `shape` names the nodes and edges of `visible`.
    [shape],
  );
  const layout = useLayout(request);

  const toggle = useCallback(
    (block: Block) => setChosen(visible.open.includes(block.id) ? visible.open.filter((id) => id !== block.id) : [...visible.open, block.id]),
    [visible],
  );
  const openTo = useCallback((node: string) => setChosen(openFor(blocks, visible.open, node)), [blocks, visible]);
  return { visible, layout, toggle, openTo };
}
