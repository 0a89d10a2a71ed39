// A connection with the shape of its tensor. The label is text of the SVG, so that it scales with the canvas.
import { BaseEdge, getSmoothStepPath, type EdgeProps } from "@xyflow/react";
import { memo } from "react";

export const ShapeEdge = memo(function ShapeEdge({ id, sourceX, sourceY, targetX, targetY, sourcePosition, targetPosition, markerEnd, label }: EdgeProps) {
  const [path, labelX, labelY] = getSmoothStepPath({ sourceX, sourceY, targetX, targetY, sourcePosition, targetPosition, borderRadius: 10 });
  return (
    <BaseEdge
      id={id}
      path={path}
      {...(markerEnd ? { markerEnd } : {})}
      {...(label ? { label, labelX, labelY, labelShowBg: true, labelBgPadding: [5, 2] as [number, number], labelBgBorderRadius: 4 } : {})}
    />
  );
});
