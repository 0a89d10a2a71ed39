/** The legend of a chart: a button for each line, which shows or hides it, beside its value at the cursor. */

import { memo } from "react";
import { type Line, nearest } from "./lines";
import { type LineStyle } from "./lineStyle";
import { formatValue } from "./numbers";

export interface LegendProps {
  label: string;
  axis: string;
  lines: readonly Line[];
  styles: readonly LineStyle[];
  hidden: ReadonlySet<string>;
  onToggle: (id: string) => void;
  /** X value of the cursor; null for the last value of each line. */
  point: number | null;
}

/** Not drawn again while the visible part of the chart moves. */
export const Legend = memo(function Legend({ label, axis, lines, styles, hidden, onToggle, point }: LegendProps) {
  return (
    <table className="chart-legend">
      <caption>
        {label}
        <span className="chart-legend-point">{point === null ? ", last values" : `, ${axis} ${point}`}</span>
      </caption>
      <thead className="visually-hidden">
        <tr>
          <th scope="col">Line</th>
          <th scope="col">Value</th>
        </tr>
      </thead>
      <tbody>
        {lines.map((line, index) => (
          <tr key={line.id}>
            <th scope="row">
              <button
                type="button"
                className="chart-legend-line"
                aria-pressed={!hidden.has(line.id)}
                onClick={() => onToggle(line.id)}
              >
                <Swatch style={styles[index]} />
                <span>{line.label}</span>
              </button>
            </th>
            <td>{valueAt(line, point)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
});

/** A sample of a line with its colour and dash. */
export function Swatch({ style }: { style: LineStyle | undefined }) {
  return (
    <svg
      className={`chart-swatch series-${style?.series ?? 1}`}
      width="28"
      height="10"
      viewBox="0 0 28 10"
      aria-hidden="true"
    >
      <line x1="1" y1="5" x2="27" y2="5" strokeDasharray={style?.dash.join(" ")} />
    </svg>
  );
}

function valueAt(line: Line, point: number | null): string {
  const index = point === null ? line.x.length - 1 : nearest(line.x, point);
  const value = line.y[index];
  return value === undefined || (point !== null && line.x[index] !== point) ? "–" : formatValue(value);
}
