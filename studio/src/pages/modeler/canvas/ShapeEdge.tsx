// A connection, with the shape of its tensor beside it. The label is text of the SVG, so that it scales with the canvas.
import { BaseEdge, getSmoothStepPath, type EdgeProps } from "@xyflow/react";
import { memo } from "react";

const BESIDE = 8;

export const ShapeEdge = memo(function ShapeEdge({ id, sourceX, sourceY, targetX, targetY, sourcePosition, targetPosition, markerEnd, label }: EdgeProps) {
  const [path] = getSmoothStepPath({ sourceX, sourceY, targetX, targetY, sourcePosition, targetPosition, borderRadius: 10, offset: 10 });
  // Above the bend, where the lines to several targets are still one.
  const y = sourceY + (sourceX === targetX ? Math.min((targetY - sourceY) / 2, 22) : 10);
  return (
    <>
      <BaseEdge id={id} path={path} {...(markerEnd ? { markerEnd } : {})} />
      {label && (
        <text className="edge-shape" x={sourceX + BESIDE} y={y} dominantBaseline="central">
          {label}
        </text>
      )}
    </>
  );
});
