/** The keys of parallel coordinates: the change of the axis and of the result at the cursor. Pure. */

import type { Parallel } from "./parallelAxes";

export interface Cursor {
  axis: number;
  /** Index of the line. */
  line: number;
}

export const KEYS_HELP =
  "Left and right arrow choose the axis, up and down arrow the result with the next value on this axis. Escape removes the cursor.";
const PAGE = 10;

/** Returns the lines in the order of their values on an axis, lowest first. */
export function orderOn(axis: number, lines: Parallel["lines"]): number[] {
  return lines.map((_, index) => index).sort((a, b) => (lines[a]?.at[axis] ?? 0) - (lines[b]?.at[axis] ?? 0) || a - b);
}

/** Returns the cursor after a key; undefined if the key has no meaning, null if it removes the cursor. */
export function afterKey(cursor: Cursor | null, key: string, { axes, lines }: Parallel): Cursor | null | undefined {
  // Without a cursor, a key begins at the last line, which is the best one, on the last axis, which is the result.
  const from = cursor ?? { axis: axes.length - 1, line: lines.length - 1 };
  const order = orderOn(from.axis, lines);
  const steps: Record<string, number> = { ArrowUp: 1, ArrowDown: -1, PageUp: PAGE, PageDown: -PAGE, End: lines.length, Home: -lines.length };
  const step = steps[key];
  if (step !== undefined) {
    if (!cursor) return from;
    const place = Math.max(0, Math.min(lines.length - 1, order.indexOf(from.line) + step));
    return { axis: from.axis, line: order[place] ?? from.line };
  }
  if (key === "ArrowLeft" || key === "ArrowRight") {
    if (!cursor) return from;
    const axis = from.axis + (key === "ArrowLeft" ? -1 : 1);
    return { ...from, axis: Math.max(0, Math.min(axes.length - 1, axis)) };
  }
  if (key === "Escape") return cursor ? null : undefined;
  return undefined;
}
