/** Lines of a chart as the columns that uPlot draws: one of x values for all lines, and one of y values for each line. */

export interface Line {
  /** Identity of the line while its values change. */
  id: string;
  label: string;
  /** X values in ascending order, none twice. */
  x: readonly number[];
  /** A value for each x. */
  y: readonly number[];
}

export interface Columns {
  x: number[];
  /** The values of each line; null where it has none. */
  y: (number | null)[][];
}

/** Returns lines over a common x axis. */
export function toColumns(lines: readonly Line[]): Columns {
  const first = lines[0];
  if (first === undefined) return { x: [], y: [] };
  if (lines.every((line) => isSame(line.x, first.x))) {
    return { x: [...first.x], y: lines.map((line) => [...line.y]) };
  }
  const x = [...new Set(lines.flatMap((line) => [...line.x]))].sort((a, b) => a - b);
  const places = new Map(x.map((value, index) => [value, index]));
  const y = lines.map((line) => {
    const column: (number | null)[] = new Array<number | null>(x.length).fill(null);
    line.x.forEach((value, index) => {
      column[places.get(value) ?? 0] = line.y[index] ?? null;
    });
    return column;
  });
  return { x, y };
}

/** Returns columns for a logarithmic axis, which has no place for 0 and negative values, and the number of these. */
export function forLogarithm(columns: Columns): { columns: Columns; omitted: number } {
  let omitted = 0;
  const y = columns.y.map((column) =>
    column.map((value) => {
      if (value === null || value > 0) return value;
      omitted += 1;
      return null;
    }),
  );
  return { columns: { x: columns.x, y }, omitted };
}

/**
 * Returns a line smoothed by an exponential moving average, as in TensorBoard.
 *
 * The average is divided by the weights so far, so that the line does not start at 0.
 *
 * @param weight - Weight of the average so far, from 0 (no smoothing) to below 1.
 */
export function smoothed(line: Line, weight: number): Line {
  if (weight <= 0) return line;
  let average = 0;
  let weights = 0;
  const y = line.y.map((value) => {
    average = average * weight + value * (1 - weight);
    weights = weights * weight + (1 - weight);
    return average / weights;
  });
  return { ...line, y };
}

/** Returns the index of the x value that is nearest to a value; -1 if there is none. */
export function nearest(x: readonly number[], value: number): number {
  if (x.length === 0) return -1;
  let low = 0;
  let high = x.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((x[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  const before = x[low - 1];
  return before !== undefined && value - before <= (x[low] ?? value) - value ? low - 1 : low;
}

function isSame(left: readonly number[], right: readonly number[]): boolean {
  return left === right || (left.length === right.length && left.every((value, index) => value === right[index]));
}
