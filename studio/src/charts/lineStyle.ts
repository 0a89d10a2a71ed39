/** Colours and dashes that tell the lines of a chart apart. */

export interface LineStyle {
  /** Number of the colour --series-N of design.css. */
  series: number;
  /** Lengths of dash and gap; empty for a solid line. */
  dash: readonly number[];
}

/** Number of the colours in design.css. */
export const SERIES = 8;
const DASHES: readonly (readonly number[])[] = [[], [8, 4], [2, 4]];
/** Maximum number of lines in a chart: more cannot be told apart. */
export const MAX_LINES = SERIES * DASHES.length;

/** Returns the style of a line by its place: the first lines differ in their colour, the next ones in their dash as well. */
export function lineStyle(index: number): LineStyle {
  return { series: (index % SERIES) + 1, dash: DASHES[Math.floor(index / SERIES) % DASHES.length] ?? [] };
}
