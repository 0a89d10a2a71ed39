// The last values of a metric as a small curve. Its values stand beside it as text.
import { memo } from "react";

const WIDTH = 96;
const HEIGHT = 24;
const EDGE = 2;

/** Returns the points of a curve that fills the picture; empty for fewer than two values. */
export function sparklinePoints(values: readonly number[]): string {
  if (values.length < 2) return "";
  const low = Math.min(...values);
  const range = Math.max(...values) - low || 1;
  return values
    .map((value, index) => {
      const x = EDGE + (index / (values.length - 1)) * (WIDTH - 2 * EDGE);
      const y = HEIGHT - EDGE - ((value - low) / range) * (HEIGHT - 2 * EDGE);
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    })
    .join(" ");
}

export const Sparkline = memo(function Sparkline({ values }: { values: readonly number[] }) {
  const points = sparklinePoints(values);
  if (!points) return null;
  const [x, y] = (points.split(" ").at(-1) ?? "0,0").split(",");
  return (
    <svg className="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} width={WIDTH} height={HEIGHT} aria-hidden="true" focusable="false">
      <polyline points={points} />
      <circle cx={x} cy={y} r="2" />
    </svg>
  );
});
