/** A plot of lines, drawn by uPlot. The only module that knows uPlot; it is loaded with the first chart. */

import uPlot from "uplot";
import { type Band, columnWidth, DENSE, isDense, toBand } from "./band";
import type { Columns } from "./lines";
import { formatValue } from "./numbers";
import { type Range, isWhole, panned, wholeRange, zoomed } from "./range";

export interface PlotStyle {
  colour: string;
  dash: readonly number[];
}

export interface PlotOptions {
  styles: readonly PlotStyle[];
  isLogarithmic: boolean;
  /** Colours of axes and grid. */
  text: string;
  grid: string;
  surface: string;
  font: string;
  /** Called with the x value under the pointer, or null if the pointer has left the plot. */
  onPoint: (x: number | null) => void;
  /** Called with the range that the pointer has chosen; null for the whole range. */
  onRange: (range: Range | null) => void;
}

/** Pixels that a drag must cover to choose a range: less is a click. */
const MIN_DRAG = 5;
const WHEEL_FACTOR = 1.25;
/** Place of a cursor that is hidden, in pixels. */
const HIDDEN = -10;
const LINE_WIDTH = 1.75;
const POINT_SIZE = 6;
/** Points of a piece of a line: software strokes a long path at a third of the speed of its pieces. */
const PIECE = 20;

const drawLine = uPlot.paths.linear?.();
/** uPlot draws nothing. The line is drawn after it. */
const NO_PATH: uPlot.Series.Paths = { stroke: null, fill: null, flags: 0 };

/** The form of a line with more points than uPlot marks: pieces of its points, or a band. */
type Form = { from: number; to: number } | (Band & { pixels: number });

export class Plot {
  private readonly plot: uPlot;
  private columns: Columns = { x: [], y: [] };
  private range: Range | null = null;
  private isSilent = false;
  private isPanning = false;
  /** The lines that uPlot does not draw, by the index of their series. */
  private readonly forms = new Map<number, Form>();
  private readonly stop = new AbortController();

  constructor(
    element: HTMLElement,
    size: { width: number; height: number },
    private readonly options: PlotOptions,
  ) {
    this.plot = new uPlot(this.uplotOptions(size), [[], ...options.styles.map(() => [])], element);
    this.plot.over.addEventListener("wheel", (event) => this.onWheel(event), {
      passive: false,
      signal: this.stop.signal,
    });
  }

  /** Draws other values. The visible range stays. */
  setColumns(columns: Columns): void {
    this.columns = columns;
    this.silently(() => {
      this.plot.setData([columns.x, ...columns.y], false);
      this.applyRange();
    });
  }

  /** Shows a part of the x axis; null for all of it. */
  setRange(range: Range | null): void {
    this.range = range;
    this.silently(() => this.applyRange());
  }

  /** Moves the cursor to an x value; null hides it. */
  setPoint(x: number | null): void {
    if (x === null && this.plot.cursor.left === HIDDEN) return;
    const left = x === null ? HIDDEN : this.plot.valToPos(x, "x");
    const top = x === null ? HIDDEN : this.plot.over.clientHeight / 2;
    this.plot.setCursor({ left, top }, false);
  }

  /** Shows or hides lines. */
  setShown(isShown: readonly boolean[]): void {
    this.silently(() => {
      isShown.forEach((show, index) => {
        if (this.plot.series[index + 1]?.show !== show) this.plot.setSeries(index + 1, { show });
      });
    });
  }

  setSize(size: { width: number; height: number }): void {
    if (this.plot.width === size.width && this.plot.height === size.height) return;
    this.silently(() => this.plot.setSize(size));
  }

  destroy(): void {
    this.stop.abort();
    this.plot.destroy();
  }

  /** Changes the plot without a report of its cursor, which keeps its x value and not its place. */
  private silently(change: () => void): void {
    this.isSilent = true;
    this.plot.batch(change);
    this.isSilent = false;
  }

  private applyRange(): void {
    this.plot.setScale("x", this.range ?? wholeRange(this.columns.x));
  }

  private uplotOptions(size: { width: number; height: number }): uPlot.Options {
    const { styles, isLogarithmic, text, grid, surface, font } = this.options;
    const axis: uPlot.Axis = {
      stroke: text,
      font,
      grid: { stroke: grid, width: 1 },
      ticks: { stroke: grid, width: 1, size: 4 },
      gap: 6,
    };
    return {
      ...size,
      padding: [8, 24, 0, 0],
      legend: { show: false },
      scales: { x: { time: false }, y: isLogarithmic ? { distr: 3 } : {} },
      series: [
        {},
        ...styles.map((style): uPlot.Series => ({
          stroke: style.colour,
          width: LINE_WIDTH,
          dash: [...style.dash],
          spanGaps: true,
          paths: (plot, index, from, to) => this.pathsOf(plot, index, from, to),
          points: { size: POINT_SIZE, fill: surface, stroke: style.colour },
        })),
      ],
      axes: [
        { ...axis, size: 30, space: 60, incrs: WHOLE_STEPS, values: (_, ticks) => ticks.map(formatValue) },
        {
          ...axis,
          size: 64,
          space: 36,
          values: (_, ticks) => ticks.map((tick: number | null) => (tick === null ? "" : formatValue(tick))),
        },
      ],
      cursor: {
        y: false,
        drag: { x: true, y: false, setScale: false, dist: MIN_DRAG },
        points: { size: 8, width: 2 },
        bind: {
          mousedown: (_plot, _target, select) => (event) => {
            if (event.button === 0 && event.shiftKey) this.startPan(event);
            else select(event);
            return null;
          },
          dblclick: () => () => {
            this.options.onRange(null);
            return null;
          },
        },
      },
      hooks: {
        setCursor: [(plot) => this.onCursor(plot)],
        setSelect: [(plot) => this.onSelect(plot)],
        drawSeries: [(plot, index) => this.drawForm(plot, index)],
      },
    };
  }

  private onCursor(plot: uPlot): void {
    if (!this.isSilent && !this.isPanning) this.options.onPoint(this.columns.x[plot.cursor.idx ?? -1] ?? null);
  }

  /** Returns the path of a line. One with many points has none: its form is drawn after it. */
  private pathsOf(plot: uPlot, index: number, from: number, to: number): uPlot.Series.Paths | null {
    const form = this.formOf(plot, index, from, to);
    if (form === null) {
      this.forms.delete(index);
      return drawLine?.(plot, index, from, to) ?? null;
    }
    this.forms.set(index, form);
    return NO_PATH;
  }

  private formOf(plot: uPlot, index: number, from: number, to: number): Form | null {
    const { width } = plot.bbox;
    // uPlot marks up to half as many points, and a form would cover the marks. Pieces would begin dashes again.
    const isShort = to - from <= width / (POINT_SIZE * uPlot.pxRatio);
    const pieces = isShort || this.options.styles[index - 1]?.dash.length ? null : { from, to };
    if (to - from < DENSE * width) return pieces;
    const { min = 0, max = 1 } = plot.scales["x"] ?? {};
    const pixels = columnWidth(width, plot.series.filter(({ show }, place) => place > 0 && show).length);
    const columns = width / pixels / (max - min);
    const band = toBand(plot.data[0], plot.data[index] ?? [], from, to, (x) => Math.round((x - min) * columns));
    return isDense(band) ? { ...band, pixels } : pieces;
  }

  private drawForm(plot: uPlot, index: number): void {
    const form = this.forms.get(index);
    if (form === undefined) return;
    const colour = this.options.styles[index - 1]?.colour ?? "";
    plot.ctx.save();
    if ("column" in form) fillBand(plot, form, colour);
    else strokePieces(plot, plot.data[index] ?? [], form, colour);
    plot.ctx.restore();
  }

  private onSelect(plot: uPlot): void {
    const { left, width } = plot.select;
    if (width < MIN_DRAG) return;
    const chosen = { min: plot.posToVal(left, "x"), max: plot.posToVal(left + width, "x") };
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    const centre = (chosen.min + chosen.max) / 2;
    const shown = this.shown();
    this.choose(zoomed(shown, (chosen.max - chosen.min) / (shown.max - shown.min), centre, this.whole()));
  }

  /** Moves the visible part with the pointer. It is reported at the end, so that a frame draws the plot alone. */
  private startPan(down: MouseEvent): void {
    down.preventDefault();
    const start = this.shown();
    const width = this.plot.over.clientWidth || 1;
    const end = new AbortController();
    const signal = AbortSignal.any([end.signal, this.stop.signal]);
    this.isPanning = true;
    const move = (event: MouseEvent): void =>
      this.setRange(panned(start, (down.clientX - event.clientX) / width, this.whole()));
    const stop = (): void => {
      this.isPanning = false;
      end.abort();
      this.choose(this.shown());
    };
    window.addEventListener("mousemove", move, { signal });
    window.addEventListener("mouseup", stop, { signal });
  }

  /** Zooms with Ctrl or ⌘, as pages do, and pans sideways. Every other turn of the wheel scrolls the page. */
  private onWheel(event: WheelEvent): void {
    const shown = this.shown();
    if (event.ctrlKey || event.metaKey) {
      const at = this.plot.posToVal(event.offsetX, "x");
      const factor = event.deltaY > 0 ? WHEEL_FACTOR : 1 / WHEEL_FACTOR;
      this.choose(zoomed(shown, factor, at, this.whole()));
    } else if (this.range !== null && Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      this.choose(panned(shown, event.deltaX / (this.plot.over.clientWidth || 1), this.whole()));
    } else {
      return;
    }
    event.preventDefault();
  }

  /** Reports a range; a range of everything follows new points. */
  private choose(range: Range): void {
    this.options.onRange(isWhole(range, this.whole()) ? null : range);
  }

  private shown(): Range {
    return this.range ?? this.whole();
  }

  private whole(): Range {
    return wholeRange(this.columns.x);
  }
}

/** Strokes a line piece by piece, where and as uPlot strokes it at once. */
function strokePieces(
  plot: uPlot,
  y: ArrayLike<number | null | undefined>,
  { from, to }: { from: number; to: number },
  colour: string,
): void {
  const { ctx, bbox, data } = plot;
  const width = LINE_WIDTH * uPlot.pxRatio;
  ctx.beginPath();
  // Whole pixels: another clip is slow.
  ctx.rect(bbox.left, bbox.top, bbox.width + Math.ceil(width), bbox.height + Math.ceil(width));
  ctx.clip();
  ctx.translate((width % 2) / 2, (width % 2) / 2);
  ctx.strokeStyle = colour;
  ctx.lineWidth = width;
  ctx.lineJoin = "round";
  ctx.setLineDash([]);
  ctx.beginPath();
  let points = 0;
  let last = { left: 0, top: 0 };
  for (let at = from; at <= to; at += 1) {
    const value = y[at];
    if (value === null || value === undefined) continue;
    const left = Math.round(plot.valToPos(data[0][at] ?? 0, "x", true));
    const top = Math.round(plot.valToPos(value, "y", true));
    ctx.lineTo(left, top);
    points += 1;
    if (points === PIECE) {
      ctx.stroke();
      ctx.beginPath();
      // The next piece repeats the last segment, so that the two are joined.
      ctx.moveTo(last.left, last.top);
      ctx.lineTo(left, top);
      points = 2;
    }
    last = { left, top };
  }
  ctx.stroke();
}

/** Fills the columns of a band as rectangles: software fills them far faster than any path. */
function fillBand(plot: uPlot, { column, highest, lowest, pixels }: Band & { pixels: number }, colour: string): void {
  const { ctx, bbox } = plot;
  const half = (LINE_WIDTH * uPlot.pxRatio) / 2;
  const bottom = bbox.top + bbox.height;
  ctx.fillStyle = colour;
  column.forEach((place, at) => {
    const x = Math.max(bbox.left, bbox.left + place * pixels);
    const right = Math.min(bbox.left + bbox.width, bbox.left + (place + 1) * pixels);
    const top = Math.max(bbox.top, Math.floor(plot.valToPos(highest[at] ?? 0, "y", true) - half));
    const end = Math.min(bottom, Math.ceil(plot.valToPos(lowest[at] ?? 0, "y", true) + half));
    if (right > x && end > top) ctx.fillRect(x, top, right - x, end - top);
  });
}

/** Steps between the ticks of epochs and trials: whole numbers. */
const WHOLE_STEPS = [1, 2, 5]
  .flatMap((step) => [0, 1, 2, 3, 4, 5, 6, 7, 8].map((power) => step * 10 ** power))
  .sort((a, b) => a - b);
