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
  let last = -1;
  let previous: number | null = null;
  for (let index = from; index <= to; index += 1) {
    const value = y[index];
    if (value === null || value === undefined) continue;
    const column = columnOf(x[index] ?? 0);
    if (last < 0 || column !== band.column[last]) {
      last += 1;
      band.column.push(column);
      // The line comes from the last value, so the columns touch each other.
      band.lowest.push(Math.min(value, previous ?? value));
      band.highest.push(Math.max(value, previous ?? value));
    } else {
      band.lowest[last] = Math.min(band.lowest[last] ?? value, value);
      band.highest[last] = Math.max(band.highest[last] ?? value, value);
    }
    previous = value;
  }
  return band;
}

/** Part of the columns that a dense line has values in. */
const FILLED = 0.9;

/** Returns whether a band has values in nearly all columns: a line with few points beside dense ones has not. */
export function isDense({ column }: Band): boolean {
  const [first = 0, last = 0] = [column[0], column.at(-1)];
  return column.length > 1 && column.length >= FILLED * (last - first + 1);
}
