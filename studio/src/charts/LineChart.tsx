/** A chart of lines: the plot, its keys and buttons. The legend with the values stands beside it. */

import {
  type Dispatch,
  type KeyboardEvent,
  type SetStateAction,
  useEffect,
  useId,
  useLayoutEffect,
  useMemo,
  useRef,
} from "react";
import { Plot } from "./Plot";
import { KEYS_HELP, PAN_FRACTION, type View, ZOOM_FACTOR, afterKey, centre, withRange } from "./keys";
import { type Line, forLogarithm, nearest, toColumns } from "./lines";
import { type LineStyle } from "./lineStyle";
import { formatValue } from "./numbers";
import { panned, wholeRange, zoomed } from "./range";
import { cssVariable, useIsDark } from "./useTheme";

export interface LineChartProps {
  /** Name of the chart for screen readers. */
  label: string;
  /** Name of the x axis, such as epoch. */
  axis: string;
  lines: readonly Line[];
  /** A style for each line. */
  styles: readonly LineStyle[];
  /** Identities of the lines that are not drawn. */
  hidden: ReadonlySet<string>;
  isLogarithmic: boolean;
  view: View;
  onView: Dispatch<SetStateAction<View>>;
}

const HEIGHT = 260;

export default function LineChart(props: LineChartProps) {
  const { label, axis, lines, styles, hidden, isLogarithmic, view, onView } = props;
  const { point, range } = view;
  const isDark = useIsDark();
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | null>(null);
  const help = useId();
  const all = useMemo(() => toColumns(lines), [lines]);
  const { columns, omitted } = useMemo(
    () => (isLogarithmic ? forLogarithm(all) : { columns: all, omitted: 0 }),
    [all, isLogarithmic],
  );
  const whole = wholeRange(columns.x);
  const identity = lines.map((line, index) => `${styles[index]?.series} ${line.id}`).join("\n");

  // Another set of lines, scale or theme is another plot; new values are not.
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const made = new Plot(
      element,
      { width: element.clientWidth, height: HEIGHT },
      {
        styles: styles.map((style) => ({ colour: cssVariable(`--series-${style.series}`), dash: style.dash })),
        isLogarithmic,
        text: cssVariable("--quiet"),
        grid: cssVariable("--line"),
        surface: cssVariable("--surface"),
        font: `12px ${cssVariable("--font") || "sans-serif"}`,
        onPoint: (found) => onView((before) => ({ ...before, point: found })),
        onRange: (found) => onView((before) => ({ ...before, range: found })),
      },
    );
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [identity, isLogarithmic, isDark, onView]);

  useLayoutEffect(() => {
    plot.current?.setColumns(columns);
  }, [columns, identity, isLogarithmic, isDark]);
  useLayoutEffect(() => {
    plot.current?.setShown(lines.map((line) => !hidden.has(line.id)));
  }, [lines, hidden, identity, isLogarithmic, isDark]);
  useLayoutEffect(() => {
    plot.current?.setRange(range);
  }, [range, identity, isLogarithmic, isDark]);
  useEffect(() => {
    plot.current?.setPoint(point);
  }, [point, range, columns, identity, isLogarithmic, isDark]);

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const next = afterKey(view, event, columns.x);
    if (next === null) return;
    event.preventDefault();
    onView(next);
  };
  const visible = range ?? whole;
  const zoom = (factor: number) =>
    onView(withRange(view, zoomed(visible, factor, centre(view, visible), whole), whole));
  const pan = (sign: number) => onView(withRange(view, panned(visible, sign * PAN_FRACTION, whole), whole));
  const current = point ?? columns.x[columns.x.length - 1] ?? 0;
  const text = useMemo(() => valueText(axis, current, lines, hidden), [axis, current, lines, hidden]);

  return (
    <div className="chart">
      <div className="chart-tools" role="group" aria-label={`Visible part of ${label}`}>
        <button type="button" className="button chart-tool" onClick={() => zoom(1 / ZOOM_FACTOR)} aria-label="Zoom in">
          +
        </button>
        <button type="button" className="button chart-tool" onClick={() => zoom(ZOOM_FACTOR)} aria-label="Zoom out">
          −
        </button>
        <button
          type="button"
          className="button chart-tool"
          onClick={() => pan(-1)}
          disabled={!range}
          aria-label="Earlier"
        >
          ←
        </button>
        <button type="button" className="button chart-tool" onClick={() => pan(1)} disabled={!range} aria-label="Later">
          →
        </button>
        <button
          type="button"
          className="button chart-tool"
          onClick={() => onView({ ...view, range: null })}
          disabled={!range}
        >
          Whole
        </button>
      </div>
      <div
        ref={box}
        className="chart-plot"
        tabIndex={0}
        role="slider"
        aria-label={`${label} by ${axis}`}
        aria-describedby={help}
        aria-valuemin={whole.min}
        aria-valuemax={whole.max}
        aria-valuenow={current}
        aria-valuetext={text}
        onKeyDown={onKeyDown}
      />
      <p id={help} className="visually-hidden">
        {KEYS_HELP}
      </p>
      {omitted > 0 && (
        <p className="hint">
          {omitted === 1 ? "1 value is" : `${omitted} values are`} 0 or negative, and missing on the logarithmic axis.
        </p>
      )}
    </div>
  );
}

/** Returns the values at a point in words, for screen readers. */
function valueText(axis: string, x: number, lines: readonly Line[], hidden: ReadonlySet<string>): string {
  const values = lines
    .filter((line) => !hidden.has(line.id))
    .map((line) => {
      const index = nearest(line.x, x);
      const value = line.x[index] === x ? line.y[index] : undefined;
      return `${line.label} ${value === undefined ? "no value" : formatValue(value)}`;
    });
  return `${axis} ${x}: ${values.join(", ")}`;
}
