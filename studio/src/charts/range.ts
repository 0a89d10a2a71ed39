/** The visible part of an x axis, and its changes by zooming and panning. */

export interface Range {
  min: number;
  max: number;
}

/** Minimum width of a visible part: less shows no difference between neighbouring epochs. */
export const MIN_WIDTH = 1;

/** Part of the whole range that zooming in and out again may lose. */
const ROUNDING = 1e-9;

/** Returns the range of all x values; one unit wide if there is only one value. */
export function wholeRange(x: readonly number[]): Range {
  const min = x[0] ?? 0;
  const max = x[x.length - 1] ?? 1;
  return max > min ? { min, max } : { min: min - 0.5, max: min + 0.5 };
}

/**
 * Returns a range that is wider or narrower by a factor.
 *
 * @param factor - Below 1 to zoom in.
 * @param at - The x value that keeps its place, such as that under the pointer.
 */
export function zoomed(range: Range, factor: number, at: number, whole: Range): Range {
  const width = range.max - range.min;
  const limited = Math.min(Math.max(width * factor, Math.min(MIN_WIDTH, width)), whole.max - whole.min);
  const share = (clamp(at, range) - range.min) / width;
  const min = clamp(at, range) - share * limited;
  return inside({ min, max: min + limited }, whole);
}

/** Returns a range that is moved by a fraction of its width, but not beyond the whole range. */
export function panned(range: Range, fraction: number, whole: Range): Range {
  const shift = (range.max - range.min) * fraction;
  return inside({ min: range.min + shift, max: range.max + shift }, whole);
}

/** Returns a range that is moved, with its width, so that it contains an x value. */
export function containing(range: Range, value: number, whole: Range): Range {
  const width = range.max - range.min;
  if (value < range.min) return inside({ min: value, max: value + width }, whole);
  if (value > range.max) return inside({ min: value - width, max: value }, whole);
  return range;
}

/** Returns whether a range shows everything, but for rounding. */
export function isWhole(range: Range, whole: Range): boolean {
  const rounding = (whole.max - whole.min) * ROUNDING;
  return range.min <= whole.min + rounding && range.max >= whole.max - rounding;
}

function inside(range: Range, whole: Range): Range {
  const width = Math.min(range.max - range.min, whole.max - whole.min);
  const min = Math.min(Math.max(range.min, whole.min), whole.max - width);
  return { min, max: min + width };
}

function clamp(value: number, range: Range): number {
  return Math.min(Math.max(value, range.min), range.max);
}
