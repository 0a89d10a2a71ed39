/** The form of a line with more points than pixels: the range of its values in each column of pixels. */

/** Points for each pixel from which a line is drawn as a band. Software takes hundreds of milliseconds to stroke it. */
export const DENSE = 2;
/** Least pixels of a column. */
const COLUMN = 2;
/** Columns of all lines of a chart: software fills about a thousand rectangles in a millisecond. */
export const MAX_COLUMNS = 2000;

/** Returns the pixels of a column, which are more in a chart with many lines: there nobody tells single pixels apart. */
export function columnWidth(width: number, lines: number): number {
  return Math.max(COLUMN, Math.ceil((width * lines) / MAX_COLUMNS));
}

export interface Band {
  /** Place of each column, in columns from the left. */
  column: number[];
  lowest: number[];
  highest: number[];
}

/**
 * Returns the range of the values in each column.
 *
 * @param from - Index of the first point.
 * @param to - Index of the last point.
 * @param columnOf - Column of an x value.
 */
export function toBand(
  x: ArrayLike<number>,
  y: ArrayLike<number | null | undefined>,
  from: number,
  to: number,
  columnOf: (x: number) => number,
): Band {
  const band: Band = { column: [], lowest: [], highest: [] };
  // Numbers of the present column, which are stored at its end: this runs for each point in each frame.
  let column = NaN;
  let lowest = 0;
  let highest = 0;
  const store = (): void => {
    if (Number.isNaN(column)) return;
    band.column.push(column);
    band.lowest.push(lowest);
    band.highest.push(highest);
  };
  let previous = NaN;
  for (let index = from; index <= to; index += 1) {
    const value = y[index];
    if (value === null || value === undefined) continue;
    const next = columnOf(x[index] ?? 0);
    if (next !== column) {
      store();
      column = next;
      // The line comes from the last value, so the columns touch each other.
      lowest = highest = Number.isNaN(previous) ? value : previous;
    }
    if (value < lowest) lowest = value;
    if (value > highest) highest = value;
    previous = value;
  }
  store();
  return band;
}

/** Part of the columns that a dense line has values in. */
const FILLED = 0.9;

/** Returns whether a band has values in nearly all columns: a line with few points beside dense ones has not. */
export function isDense({ column }: Band): boolean {
  const [first = 0, last = 0] = [column[0], column.at(-1)];
  return column.length > 1 && column.length >= FILLED * (last - first + 1);
}
