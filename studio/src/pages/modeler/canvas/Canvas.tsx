// The network as a picture. Selection and edits go through the session; React Flow draws, pans and zooms.
import { Background, BackgroundVariant, ReactFlow, ReactFlowProvider, type Connection, type Edge, type NodeMouseHandler } from "@xyflow/react";
import { useCallback, useMemo, type KeyboardEvent } from "react";
import { canConnect, connect } from "../../../modeler/edits/connections";
import type { Graph } from "../../../modeler/graph/types";
import type { VisibleNode } from "../../../modeler/visible";
import type { EditorRim } from "../editor/rim";
import { BlockFrame } from "./BlockFrame";
import { CanvasControls } from "./CanvasControls";
import { blockFrames, flowEdge, flowNode, type FlowNode, type ViewState } from "./elements";
import { FocusContext } from "./focus";
import { LayerNode, NODE_HEIGHT, NODE_WIDTH } from "./LayerNode";
import { ShapeEdge } from "./ShapeEdge";
import { stepFrom, type Place, type Step } from "./steps";
import { useActiveNode } from "./useActiveNode";
import { useVisible } from "./useVisible";
import { useViewport, ZOOM } from "./useViewport";
import "@xyflow/react/dist/base.css";
import "./canvas.css";

/** Layers up to which a network is read at once, so that frames around its blocks would only be in the way. */
const UNFRAMED = 60;
const NODE_TYPES = { layer: LayerNode, frame: BlockFrame };
const EDGE_TYPES = { shape: ShapeEdge };
const STEPS: Record<string, Step> = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right", Home: "first", End: "last" };

export interface CanvasProps {
  rim: EditorRim;
  graph: Graph;
  selection: ReadonlySet<string>;
  /** Whether the text has changed since the picture. */
  isStale: boolean;
  onSelect: (ids: readonly string[]) => void;
  /** Opens the form of the selected node. */
  onOpenForm: () => void;
  /** Handles a key on a node; returns whether it had a meaning. */
  onKey: (event: KeyboardEvent) => boolean;
}

export function Canvas(props: CanvasProps) {
  return (
    <ReactFlowProvider>
      <Flow {...props} />
    </ReactFlowProvider>
  );
}

function Flow({ rim, graph, selection, isStale, onSelect, onOpenForm, onKey }: CanvasProps) {
  const { visible, layout, toggle, openTo } = useVisible(graph);
  const byId = useMemo(() => new Map(visible.nodes.map((each) => [each.id, each])), [visible]);
  const places = useMemo<Place[]>(
    () => visible.nodes.flatMap(({ id }) => {
      const at = layout?.positions.get(id);
      return at ? [{ id, x: at.x + NODE_WIDTH / 2, y: at.y + NODE_HEIGHT / 2 }] : [];
    }),
    [visible, layout],
  );
  const { fit, show, zoom, interrupt } = useViewport(layout, places);
  const { active, focus, done, moveTo } = useActiveNode({ selection, places, ownerOf: visible.ownerOf, openTo, show });

  const view: ViewState = { findings: rim.findings, catalogue: rim.catalogue, selection, tabStop: active, focus };
  const { findings, catalogue } = rim;
  const nodes = useMemo<FlowNode[]>(() => {
    if (!layout) return [];
    const drawn = visible.nodes.flatMap((each) => {
      const position = layout.positions.get(each.id);
      return position ? [flowNode(each, position, view)] : [];
    });
    return graph.layerIds.length > UNFRAMED ? [...blockFrames(visible.nodes, layout, toggle), ...drawn] : drawn;
    // `view` is made of these values in each draw.
  }, [visible, layout, findings, catalogue, selection, active, focus, toggle, graph]);
  const edges = useMemo<Edge[]>(
    () => visible.edges.map((edge) => flowEdge(edge, graph, view)),
    [visible, graph, findings, selection],
  );

  const activate = useCallback(
    (target: VisibleNode | undefined, { extend, opens }: { extend: boolean; opens: boolean }) => {
      if (!target) return;
      if (target.block) {
        toggle(target.block);
        return;
      }
      const next = extend ? (selection.has(target.id) ? [...selection].filter((id) => id !== target.id) : [...selection, target.id]) : [target.id];
      onSelect(next);
      if (opens) onOpenForm();
    },
    [selection, onSelect, onOpenForm, toggle],
  );

  const click: NodeMouseHandler<FlowNode> = (event, { id }) => {
    // A click by a key has no coordinates.
    const isKey = event.detail === 0;
    activate(byId.get(id), { extend: event.shiftKey || event.ctrlKey || event.metaKey, opens: isKey });
  };

  function press(event: KeyboardEvent): void {
    if (!(event.target instanceof HTMLElement)) return;
    const id = event.target === event.currentTarget ? active : event.target.dataset["node"];
    if (id === undefined || id === null) return;
    const step = event.altKey || event.ctrlKey || event.metaKey ? undefined : STEPS[event.key];
    if (step !== undefined) {
      event.preventDefault();
      const to = stepFrom(active, step, places, visible.edges);
      if (to === null) return;
      moveTo(to);
      const isNode = byId.get(to)?.node !== null;
      onSelect(isNode ? (event.shiftKey ? [...selection, to] : [to]) : event.shiftKey ? [...selection] : []);
      return;
    }
    // The Tab key gives a node the focus, but selects nothing: its keys are meant for it.
    const isKey = !["Shift", "Control", "Alt", "Meta", "Tab"].includes(event.key);
    if (isKey && byId.get(id)?.node && !selection.has(id)) onSelect([id]);
    if (onKey(event)) event.preventDefault();
  }

  /** React Flow gives no event for a move of ours. */
  function move(event: MouseEvent | TouchEvent | null): void {
    if (event) interrupt();
  }

  function join({ source, target }: Connection | Edge): void {
    void rim.apply(connect(source, target));
  }

  return (
    <FocusContext value={done}>
      <div className={`canvas${isStale ? " canvas-stale" : ""}`} role="group" aria-label="Network" onKeyDown={press}>
        <ReactFlow<FlowNode, Edge>
          nodes={nodes}
          edges={edges}
          nodeTypes={NODE_TYPES}
          edgeTypes={EDGE_TYPES}
          onNodeClick={click}
          onPaneClick={() => onSelect([])}
          onMoveStart={move}
          onMove={move}
          onConnect={join}
          isValidConnection={({ source, target }) => canConnect(graph, source, target) === null}
          nodesDraggable={false}
          nodesFocusable={false}
          edgesFocusable={false}
          elementsSelectable={false}
          disableKeyboardA11y
          deleteKeyCode={null}
          selectionKeyCode={null}
          multiSelectionKeyCode={null}
          panActivationKeyCode={null}
          zoomActivationKeyCode={null}
          zoomOnDoubleClick={false}
          minZoom={ZOOM.min}
          maxZoom={ZOOM.max}
          onlyRenderVisibleElements
          panOnScroll
        >
          <Background variant={BackgroundVariant.Dots} gap={20} size={1.5} />
        </ReactFlow>
        <CanvasControls onFit={fit} onZoom={zoom} />
      </div>
    </FocusContext>
  );
}
