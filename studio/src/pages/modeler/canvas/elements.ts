// The visible part of a graph as elements of React Flow. Pure.
import { MarkerType, Position, type Edge } from "@xyflow/react";
import type { Block } from "../../../modeler/blocks";
import type { NodeFindings } from "../../../modeler/check";
import type { Graph, GraphNode } from "../../../modeler/graph/types";
import type { Layout } from "../../../modeler/layout/types";
import type { VisibleEdge, VisibleNode } from "../../../modeler/visible";
import { findClass, LAYERS, type Catalogue } from "../catalogue";
import type { FrameFlowNode } from "./BlockFrame";
import { NODE_HEIGHT, NODE_WIDTH, type LayerFlowNode, type NodeContent } from "./LayerNode";
import { argumentsText, HEADS, nodeLabel, parametersText, shapeText } from "./texts";

export type FlowNode = LayerFlowNode | FrameFlowNode;

const FRAME_SPACE = 12;
const FRAME_HEAD = 22;
const HANDLE = 10;

export interface ViewState {
  findings: NodeFindings;
  catalogue: Catalogue;
  selection: ReadonlySet<string>;
  /** The node that the Tab key leads to. */
  tabStop: string | null;
  focus: { id: string; request: number };
}

/** Returns the node of React Flow for a visible node. */
export function flowNode(visible: VisibleNode, position: { x: number; y: number }, view: ViewState): LayerFlowNode {
  const { id, node, block } = visible;
  const data = node ? nodeContent(node, view) : blockContent(block, view);
  return {
    id,
    type: "layer",
    position,
    width: NODE_WIDTH,
    height: NODE_HEIGHT,
    measured: { width: NODE_WIDTH, height: NODE_HEIGHT },
    // With these, edges are drawn before the browser has measured a node.
    handles: [
      { type: "target", position: Position.Top, x: NODE_WIDTH / 2 - HANDLE / 2, y: -HANDLE / 2, width: HANDLE, height: HANDLE },
      { type: "source", position: Position.Bottom, x: NODE_WIDTH / 2 - HANDLE / 2, y: NODE_HEIGHT - HANDLE / 2, width: HANDLE, height: HANDLE },
    ],
    data: { ...data, isTabStop: view.tabStop === id, focusRequest: view.focus.id === id ? view.focus.request : 0 },
    selectable: false,
    draggable: false,
    connectable: node !== null && (node.kind === "layer" || node.kind === "input"),
  };
}

type Content = Omit<NodeContent, "isTabStop" | "focusRequest">;

function nodeContent(node: GraphNode, { findings, catalogue, selection }: ViewState): Content {
  const parameters = findings.parameters.get(node.id);
  const isLayer = node.kind === "layer";
  const head = isLayer ? (node.className === "use" ? node.title : node.className) : (HEADS[node.kind] ?? node.title);
  const own = isLayer && node.name && node.name !== head ? node.name : "";
  const detail = isLayer ? [own, argumentsText(node)].filter(Boolean).join(" · ") : detailOf(node);
  return {
    head: head || "no class",
    detail: detail || (isLayer ? node.title : ""),
    figure: parameters ? parametersText(parameters) : "",
    label: nodeLabel(node, findings),
    group: isLayer ? groupOf(catalogue, node.className) : node.kind,
    problems: findings.problems.get(node.id)?.length ?? 0,
    isSelected: selection.has(node.id),
    isBlock: false,
    takesInputs: node.kind !== "data",
    givesOutput: node.kind !== "optimizer",
  };
}

/** Returns the second line of a box: its class or name, the output that it belongs to, and its arguments. */
function detailOf(node: GraphNode): string {
  if (node.kind === "data") return node.title || "not chosen";
  if (node.kind === "input") return [node.title === "input" ? "" : node.title, argumentsText(node)].filter(Boolean).join(" · ");
  const missing = node.kind === "metrics" ? "none" : node.kind === "optimizer" ? "default" : "not set";
  return [node.title, node.className || missing, argumentsText(node)].filter(Boolean).join(" · ");
}

function groupOf(catalogue: Catalogue, className: string): string {
  const name = findClass(catalogue, LAYERS, className)?.name;
  return (name ? catalogue.modules[LAYERS]?.classes[name]?.group : undefined) ?? "other";
}

function blockContent(block: Block | null, { findings, selection }: ViewState): Content {
  const layers = block?.layers ?? [];
  const parameters = layers.reduce((sum, id) => sum + (findings.parameters.get(id) ?? 0), 0);
  const problems = layers.reduce((sum, id) => sum + (findings.problems.get(id)?.length ?? 0), 0);
  const title = block?.title ?? "";
  const repeats = block && block.repeats > 1 ? `${block.repeats} times · ` : "";
  return {
    head: title,
    detail: `${repeats}${layers.length} layers`,
    figure: parameters ? parametersText(parameters) : "",
    label: `Closed block ${title}, ${layers.length} layers${problems > 0 ? `, ${problems} problems` : ""}. Enter opens it.`,
    group: "block",
    problems,
    isSelected: layers.some((id) => selection.has(id)),
    isBlock: true,
    takesInputs: true,
    givesOutput: true,
  };
}

/** Returns the edge of React Flow, with the shape that it carries. */
export function flowEdge({ id, source, target, edges }: VisibleEdge, graph: Graph, { findings, selection }: ViewState): Edge {
  const [first] = edges;
  const from = first ? graph.byId.get(first.source) : undefined;
  const shape = edges.length === 1 && from ? shapeOf(from, first?.output ?? 0, findings) : undefined;
  const isNear = edges.some((edge) => selection.has(edge.source) || selection.has(edge.target));
  return {
    id, source, target,
    type: "shape",
    label: shape ? shapeText(shape) : edges.length > 1 ? `${edges.length} connections` : "",
    className: isNear ? "edge-near" : "",
    markerEnd: { type: MarkerType.ArrowClosed, width: 18, height: 18, color: isNear ? "var(--accent)" : "var(--edge)" },
    focusable: false,
    selectable: false,
  };
}

/** Returns the shape of an output of a layer, from the check, or that of an input, from the document. */
function shapeOf(node: GraphNode, output: number, findings: NodeFindings): readonly number[] | undefined {
  if (node.kind !== "input") return findings.shapes.get(node.id)?.[output];
  const shape = node.arguments["shape"];
  return Array.isArray(shape) && shape.every((size) => typeof size === "number") ? (shape as number[]) : undefined;
}

/** Returns frames around the open blocks that hold nodes of their own, outer ones first. */
export function blockFrames(nodes: readonly VisibleNode[], layout: Layout, onClose: (block: Block) => void): FrameFlowNode[] {
  const boxes = new Map<string, { block: Block; depth: number; left: number; top: number; right: number; bottom: number }>();
  // An outer block whose nodes are all in inner ones would only repeat their frames.
  const innermost = new Set(nodes.map(({ parents }) => parents.at(-1)?.id));
  for (const { id, parents } of nodes) {
    const at = layout.positions.get(id);
    if (!at) continue;
    parents.forEach((block, depth) => {
      if (!innermost.has(block.id)) return;
      // Outer frames are larger, so that nested ones do not touch.
      const space = FRAME_SPACE + (parents.length - 1 - depth) * FRAME_SPACE;
      const box = boxes.get(block.id) ?? { block, depth, left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
      boxes.set(block.id, {
        ...box,
        left: Math.min(box.left, at.x - space),
        top: Math.min(box.top, at.y - space - FRAME_HEAD),
        right: Math.max(box.right, at.x + NODE_WIDTH + space),
        bottom: Math.max(box.bottom, at.y + NODE_HEIGHT + space),
      });
    });
  }
  return [...boxes.values()]
    .sort((a, b) => a.depth - b.depth)
    .map(({ block, left, top, right, bottom }) => ({
      id: `frame:${block.id}`,
      type: "frame" as const,
      position: { x: left, y: top },
      width: right - left,
      height: bottom - top,
      measured: { width: right - left, height: bottom - top },
      zIndex: -1,
      selectable: false,
      draggable: false,
      connectable: false,
      data: { title: block.title, onClose: () => onClose(block) },
    }));
}
