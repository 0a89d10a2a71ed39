/** The curves of one or several runs: the choice of the metrics, their scale, and a chart for each metric. */

import { useId, useMemo, useState } from "react";
import { type Line, smoothed } from "./lines";
import { type LineStyle } from "./lineStyle";
import { MetricChart } from "./MetricChart";

/** Maximum number of charts at once. */
export const MAX_CHARTS = 12;
const MAX_SMOOTHING = 0.95;

export interface StyledLine {
  line: Line;
  style: LineStyle;
}

export interface CurvesPanel {
  metric: string;
  /** Title of the chart; the metric without one. */
  title?: string;
  lines: readonly StyledLine[];
}

export interface CurvesViewProps {
  panels: readonly CurvesPanel[];
  /** Metrics that are drawn without a choice. */
  defaults: readonly string[];
}

export function CurvesView({ panels, defaults }: CurvesViewProps) {
  const [chosen, setChosen] = useState<readonly string[] | null>(null);
  const [isLogarithmic, setIsLogarithmic] = useState(false);
  const [smoothing, setSmoothing] = useState(0);
  const slider = useId();
  const drawn = chosen ?? defaults;
  const shown = panels.filter((panel) => drawn.includes(panel.metric));
  const toggle = (metric: string) =>
    setChosen(drawn.includes(metric) ? drawn.filter((each) => each !== metric) : [...drawn, metric]);
  return (
    <div className="curves">
      <div className="toolbar">
        <MetricChoice
          metrics={panels.map(({ metric }) => metric)}
          drawn={shown.map(({ metric }) => metric)}
          onToggle={toggle}
        />
        <label className="check scale">
          <input type="checkbox" checked={isLogarithmic} onChange={(event) => setIsLogarithmic(event.target.checked)} />
          Logarithmic
        </label>
        <span className="smoothing">
          <label htmlFor={slider}>Smoothing</label>
          <input
            id={slider}
            type="range"
            min="0"
            max={MAX_SMOOTHING}
            step="0.05"
            value={smoothing}
            aria-valuetext={smoothing === 0 ? "off" : String(smoothing)}
            onChange={(event) => setSmoothing(Number(event.target.value))}
          />
          <output htmlFor={slider}>{smoothing === 0 ? "off" : smoothing.toFixed(2)}</output>
        </span>
      </div>
      {shown.map((panel) => (
        <PanelChart key={panel.metric} panel={panel} isLogarithmic={isLogarithmic} smoothing={smoothing} />
      ))}
      {shown.length === 0 && <p className="hint">Choose a metric to see its curve.</p>}
    </div>
  );
}

interface MetricChoiceProps {
  metrics: readonly string[];
  drawn: readonly string[];
  onToggle: (metric: string) => void;
}

function MetricChoice({ metrics, drawn, onToggle }: MetricChoiceProps) {
  const choices = metrics.map((metric) => (
    <label className="check" key={metric}>
      <input
        type="checkbox"
        checked={drawn.includes(metric)}
        disabled={!drawn.includes(metric) && drawn.length >= MAX_CHARTS}
        onChange={() => onToggle(metric)}
      />
      {metric}
    </label>
  ));
  if (metrics.length <= MAX_CHARTS) {
    return (
      <fieldset className="choices">
        <legend>Metrics</legend>
        {choices}
      </fieldset>
    );
  }
  return (
    <details className="many-choices">
      <summary>
        Metrics: {drawn.length} of {metrics.length}, at most {MAX_CHARTS}
      </summary>
      <fieldset className="choices">
        <legend className="visually-hidden">Metrics</legend>
        {choices}
      </fieldset>
    </details>
  );
}

interface PanelChartProps {
  panel: CurvesPanel;
  isLogarithmic: boolean;
  smoothing: number;
}

function PanelChart({ panel, isLogarithmic, smoothing }: PanelChartProps) {
  const lines = useMemo(() => panel.lines.map(({ line }) => smoothed(line, smoothing)), [panel, smoothing]);
  const styles = useMemo(() => panel.lines.map(({ style }) => style), [panel]);
  const title = panel.title ?? panel.metric;
  const label = smoothing === 0 ? title : `${title}, smoothed`;
  return <MetricChart label={label} axis="epoch" lines={lines} styles={styles} isLogarithmic={isLogarithmic} />;
}
