// A node of the canvas: a layer, a box of the training, or a closed block.
import { Handle, Position, type Node, type NodeProps } from "@xyflow/react";
import { memo, use, useEffect, useLayoutEffect, useRef } from "react";
import { StateIcon } from "../../../parts/icons";
import { CANVAS, FocusContext, keepFocus } from "./focus";

export const NODE_WIDTH = 224;
export const NODE_HEIGHT = 56;

/** What a node shows. A type, because React Flow asks for an index signature. */
export type NodeContent = {
  /** Class, or the title of a block. */
  head: string;
  detail: string;
  /** Number of parameters, or of the layers of a block. */
  figure: string;
  label: string;
  /** Group of the catalogue, or kind of the node, for its colour. */
  group: string;
  problems: number;
  isSelected: boolean;
  /** Whether the Tab key leads to it. */
  isTabStop: boolean;
  isBlock: boolean;
  takesInputs: boolean;
  givesOutput: boolean;
  /** Grows when the node is to have the focus. */
  focusRequest: number;
};

export type LayerFlowNode = Node<NodeContent, "layer">;

/** Frames in which a node tries to take the focus: React Flow hides a new node, which then takes none, until it is measured. */
const FOCUS_FRAMES = 60;

export const LayerNode = memo(function LayerNode({ id, data }: NodeProps<LayerFlowNode>) {
  const button = useRef<HTMLButtonElement>(null);

  const done = use(FocusContext);

  useEffect(() => {
    const node = button.current;
    const isKept = data.isTabStop && document.activeElement === node?.closest(CANVAS);
    if (!node || (data.focusRequest <= done.current && !isKept)) return undefined;
    let [frame, frames] = [0, FOCUS_FRAMES];
    const focus = () => {
      node.focus({ preventScroll: true });
      if (document.activeElement === node || frames-- === 0) done.current = Math.max(done.current, data.focusRequest);
      else frame = requestAnimationFrame(focus);
    };
    focus();
    return () => cancelAnimationFrame(frame);
  }, [data.focusRequest, data.isTabStop, done]);

  useLayoutEffect(() => {
    const node = button.current;
    const canvas = node?.closest<HTMLElement>(CANVAS);
    // React Flow removes a node that leaves the view, and the element with it: the canvas keeps the focus for its keys.
    return () => {
      if (canvas && document.activeElement === node) keepFocus(canvas);
    };
  }, []);

  return (
    <>
      {data.takesInputs && <Handle type="target" position={Position.Top} />}
      <button
        ref={button}
        type="button"
        className={`node group-${data.group}${data.isBlock ? " node-block" : ""}${data.problems > 0 ? " node-broken" : ""}`}
        tabIndex={data.isTabStop ? 0 : -1}
        aria-pressed={data.isSelected}
        aria-label={data.label}
        data-node={id}
      >
        <span className="node-head">
          <span className="node-title">{data.head}</span>
          {data.problems > 0 ? (
            <span className="node-problems">
              <StateIcon shape="warning" />
              {data.problems}
            </span>
          ) : (
            data.figure && <span className="node-figure">{data.figure}</span>
          )}
        </span>
        <span className="node-detail">{data.detail}</span>
      </button>
      {data.givesOutput && <Handle type="source" position={Position.Bottom} />}
    </>
  );
});
