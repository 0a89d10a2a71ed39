/** Parallel coordinates of runs or trials, with a cursor for keys. Their table is the form for readers without a picture. */

import { type KeyboardEvent, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "react";
import { axisStep, type ParallelRow, parallel, SIDE } from "./parallelAxes";
import { afterKey, type Cursor, KEYS_HELP, orderOn } from "./parallelKeys";

const HEIGHT = 260;
const TOP = 36;
const BOTTOM = 24;
const MAX_NAME = 20;
/** Maximum number of names in the list of properties without an axis. */
const MAX_OMITTED = 24;

export interface ParallelViewProps {
  /** Names of the axes, the result last. */
  names: readonly string[];
  rows: readonly ParallelRow[];
}

export function ParallelView({ names, rows }: ParallelViewProps) {
  const drawn = useMemo(() => parallel(names, rows), [names, rows]);
  const { axes, lines, omitted, omittedAxes } = drawn;
  const [found, setCursor] = useState<Cursor | null>(null);
  // The results may have become fewer.
  const cursor = found && found.axis < axes.length && found.line < lines.length ? found : null;
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const isDrawn = axes.length >= 2 && lines.length >= 2;
  const [place, setPlace] = useState(0);
  useLayoutEffect(() => {
    const element = box.current;
    if (!isDrawn || !element) return undefined;
    const measure = () => setPlace(element.clientWidth);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [isDrawn]);
  const step = axisStep(axes.length, place);
  const axisX = cursor ? SIDE + cursor.axis * step : null;
  useEffect(() => {
    if (box.current && axisX !== null) box.current.scrollLeft = axisX - box.current.clientWidth / 2;
  }, [axisX]);
  if (!isDrawn) {
    return <p className="hint">There is nothing to compare yet: it needs two results with different parameters.</p>;
  }
  const width = 2 * SIDE + (axes.length - 1) * step;
  const x = (axis: number) => SIDE + axis * step;
  const y = (at: number) => HEIGHT - BOTTOM - at * (HEIGHT - TOP - BOTTOM);
  const summary = `A line for each of ${lines.length} results over ${axes.map((axis) => axis.name).join(", ")}. The table has the same values.`;
  const at = cursor ?? { axis: axes.length - 1, line: lines.length - 1 };
  const chosen = lines[at.line];
  const text = `${axes[at.axis]?.name ?? ""} ${chosen?.values[at.axis] ?? ""}: ${chosen?.label ?? ""}${chosen?.isBest ? ", the best" : ""}`;
  const press = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const next = afterKey(cursor, event.key, drawn);
    if (next === undefined) return;
    event.preventDefault();
    setCursor(next);
  };
  return (
    <>
      <div
        ref={box}
        className="table-wrap"
        tabIndex={0}
        role="slider"
        aria-label="Parallel coordinates"
        aria-describedby={`${id}-help`}
        aria-orientation="vertical"
        aria-valuemin={1}
        aria-valuemax={lines.length}
        aria-valuenow={orderOn(at.axis, lines).indexOf(at.line) + 1}
        aria-valuetext={text}
        onKeyDown={press}
      >
        <svg
          className="parallel"
          viewBox={`0 0 ${width} ${HEIGHT}`}
          width={width}
          height={HEIGHT}
          aria-hidden="true"
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
          {cursor && chosen && (
            <polyline className="parallel-line is-chosen" points={chosen.at.map((place, axis) => `${x(axis)},${y(place)}`).join(" ")} />
          )}
          {axes.map((axis, index) => (
            <g key={axis.name} className={index === cursor?.axis ? "parallel-axis is-chosen" : "parallel-axis"}>
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
      <p id={`${id}-help`} className="visually-hidden">
        {summary} {KEYS_HELP}
      </p>
      {cursor && chosen && (
        <p className="parallel-values">
          <strong>{text}</strong>
          <span className="hint"> {axes.map((axis, index) => `${axis.name} ${chosen.values[index]}`).join(", ")}</span>
        </p>
      )}
      <p className="hint">
        {lines.some((line) => line.isBest) && "The thick line is the best result. "}
        {omitted > 0 && `${omitted} more results are in the table alone. `}
        {omittedAxes.length > 0 && `Without an axis, in the table alone: ${listed(omittedAxes)}.`}
      </p>
    </>
  );
}

/** Returns names as a list that ends with the number of those beyond MAX_OMITTED. */
function listed(names: readonly string[]): string {
  const rest = names.length - MAX_OMITTED;
  return names.slice(0, MAX_OMITTED).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}

/** Returns the end of a long name: paths of fields differ there. */
function shortened(name: string): string {
  return name.length <= MAX_NAME ? name : `…${name.slice(1 - MAX_NAME)}`;
}
