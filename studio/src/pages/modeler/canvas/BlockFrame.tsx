// The frame around the layers of an open block, with the button that closes it.
import type { Node, NodeProps } from "@xyflow/react";
import { memo } from "react";
import { StateIcon } from "../../../parts/icons";

export interface FrameContent extends Record<string, unknown> {
  title: string;
  onClose: () => void;
}

export type FrameFlowNode = Node<FrameContent, "frame">;

export const BlockFrame = memo(function BlockFrame({ data }: NodeProps<FrameFlowNode>) {
  return (
    <div className="block-frame">
      <button type="button" className="block-close" onClick={data.onClose} aria-label={`Close the block ${data.title}`} title={data.title}>
        <StateIcon shape="chevron" />
        {data.title}
      </button>
    </div>
  );
});
