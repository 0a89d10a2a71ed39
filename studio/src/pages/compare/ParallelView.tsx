/** Parallel coordinates of runs or trials. Their table is the form for readers without a picture. */

import { useMemo } from "react";
import { type ParallelRow, parallel } from "./parallelAxes";

const HEIGHT = 260;
const TOP = 36;
const BOTTOM = 24;
const STEP = 165;
const SIDE = 82;
const MAX_NAME = 20;

export interface ParallelViewProps {
  /** Names of the axes, the result last. */
  names: readonly string[];
  rows: readonly ParallelRow[];
}

export function ParallelView({ names, rows }: ParallelViewProps) {
  const { axes, lines, omitted } = useMemo(() => parallel(names, rows), [names, rows]);
  if (axes.length < 2 || lines.length < 2) {
    return <p className="hint">There is nothing to compare yet: it needs two results with different parameters.</p>;
  }
  const width = 2 * SIDE + (axes.length - 1) * STEP;
  const x = (axis: number) => SIDE + axis * STEP;
  const y = (at: number) => HEIGHT - BOTTOM - at * (HEIGHT - TOP - BOTTOM);
  return (
    <>
      <div className="table-wrap" tabIndex={0} role="group" aria-label="Parallel coordinates">
        <svg
          className="parallel"
          viewBox={`0 0 ${width} ${HEIGHT}`}
          width={width}
          height={HEIGHT}
          role="img"
          aria-label={`A line for each of ${lines.length} results over ${axes.map((axis) => axis.name).join(", ")}. The table has the same values.`}
        >
          {lines.map((line) => (
            <polyline
              key={line.id}
              className={line.isBest ? "parallel-line is-best" : "parallel-line"}
              points={line.at.map((at, axis) => `${x(axis)},${y(at)}`).join(" ")}
            >
              <title>{line.isBest ? `${line.label}, the best` : line.label}</title>
            </polyline>
          ))}
          {axes.map((axis, index) => (
            <g key={axis.name} className="parallel-axis">
              <line x1={x(index)} x2={x(index)} y1={y(0)} y2={y(1)} />
              <text x={x(index)} y={16} textAnchor="middle" className="parallel-name">
                {shortened(axis.name)}
                <title>{axis.name}</title>
              </text>
              {axis.ticks.map((tick) => (
                <text key={tick.label} x={x(index) + 6} y={y(tick.at) + 4}>
                  {shortened(tick.label)}
                </text>
              ))}
            </g>
          ))}
        </svg>
      </div>
      <p className="hint">
        {lines.some((line) => line.isBest) && "The thick line is the best result. "}
        {omitted > 0 && `${omitted} more results are in the table alone.`}
      </p>
    </>
  );
}

/** Returns the end of a long name: paths of fields differ there. */
function shortened(name: string): string {
  return name.length <= MAX_NAME ? name : `…${name.slice(1 - MAX_NAME)}`;
}
