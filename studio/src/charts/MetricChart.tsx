/** A chart with its legend and its table. The plot is mounted while it is on the screen, and its code loaded with the first one. */

import { useCallback, useState } from "react";
import { onDemand } from "../parts/onDemand";
import { Legend } from "./Legend";
import { type View } from "./keys";
import { type Line } from "./lines";
import { type LineStyle } from "./lineStyle";
import { ValueTable } from "./ValueTable";
import { useOnScreen } from "./useOnScreen";
import "uplot/dist/uPlot.min.css"; // not with the plot: a style sheet that fails is not requested again
import "./charts.css";

const LineChart = onDemand(() => import("./LineChart"), {
  name: "the chart",
  waiting: <p className="hint">Loading the chart …</p>,
});

export interface MetricChartProps {
  /** Title of the chart, such as loss. */
  label: string;
  /** Name of the x axis, such as epoch. */
  axis: string;
  lines: readonly Line[];
  styles: readonly LineStyle[];
  isLogarithmic: boolean;
}

export function MetricChart({ label, axis, lines, styles, isLogarithmic }: MetricChartProps) {
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  // Kept here, because the plot is unmounted while it is off the screen.
  const [view, setView] = useState<View>({ point: null, range: null });
  const [ref, isOnScreen] = useOnScreen();
  const toggle = useCallback(
    (id: string) => setHidden((before) => (before.has(id) ? without(before, id) : new Set([...before, id]))),
    [],
  );
  return (
    <section className="chart-card" aria-label={label} ref={ref}>
      <div className="chart-body">
        <div className="chart-place">
          {isOnScreen && (
            <LineChart {...{ label, axis, lines, styles, hidden, isLogarithmic, view }} onView={setView} />
          )}
        </div>
        <Legend {...{ label, axis, lines, styles, hidden }} point={view.point} onToggle={toggle} />
      </div>
      <ValueTable label={label} axis={axis} lines={lines} />
    </section>
  );
}

function without(ids: ReadonlySet<string>, id: string): ReadonlySet<string> {
  return new Set([...ids].filter((each) => each !== id));
}
