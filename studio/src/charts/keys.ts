/** The keys of a chart: the change of its cursor and of its visible range. */

import { type Range, containing, isWhole, panned, wholeRange, zoomed } from "./range";
import { nearest } from "./lines";

export interface View {
  /** X value of the cursor; null without a cursor. */
  point: number | null;
  /** Visible range; null for everything. */
  range: Range | null;
}

export interface Key {
  key: string;
  shiftKey: boolean;
}

export const ZOOM_FACTOR = 1.5;
export const PAN_FRACTION = 0.25;
/** Fraction of the visible points that Page Up and Page Down pass. */
const PAGE = 0.1;

export const KEYS_HELP =
  "Left and right arrow move the cursor, with Shift the visible part. Plus and minus zoom, 0 shows everything.";

/** Returns the view after a key; null if the key has no meaning. */
export function afterKey(view: View, key: Key, x: readonly number[]): View | null {
  if (x.length === 0) return null;
  const whole = wholeRange(x);
  const range = view.range ?? whole;
  switch (key.key) {
    case "ArrowLeft":
    case "ArrowRight": {
      const sign = key.key === "ArrowLeft" ? -1 : 1;
      if (key.shiftKey) return withRange(view, panned(range, sign * PAN_FRACTION, whole), whole);
      return moved(view, x, (index) => index + sign);
    }
    case "PageUp":
    case "PageDown": {
      const step = Math.max(1, Math.round((nearest(x, range.max) - nearest(x, range.min)) * PAGE));
      return moved(view, x, (index) => index + (key.key === "PageUp" ? step : -step));
    }
    case "Home":
      return at(view, x, 0);
    case "End":
      return at(view, x, x.length - 1);
    case "+":
    case "=":
      return withRange(view, zoomed(range, 1 / ZOOM_FACTOR, centre(view, range), whole), whole);
    case "-":
      return withRange(view, zoomed(range, ZOOM_FACTOR, centre(view, range), whole), whole);
    case "0":
      return { ...view, range: null };
    case "Escape":
      return view.point === null && view.range === null ? null : { point: null, range: null };
    default:
      return null;
  }
}

/** Returns a view with a range; a range of everything follows new points. */
export function withRange(view: View, range: Range, whole: Range): View {
  return { ...view, range: isWhole(range, whole) ? null : range };
}

/** Returns the x value around which buttons and keys zoom: the cursor if it is visible. */
export function centre(view: View, range: Range): number {
  const { point } = view;
  return point !== null && point >= range.min && point <= range.max ? point : (range.min + range.max) / 2;
}

function moved(view: View, x: readonly number[], next: (index: number) => number): View {
  // Without a cursor, the first key begins at the newest point.
  return at(view, x, view.point === null ? x.length - 1 : next(nearest(x, view.point)));
}

/** Returns the view with the cursor at an index, and moves the visible part to it. */
function at(view: View, x: readonly number[], index: number): View {
  const point = x[Math.min(Math.max(index, 0), x.length - 1)] ?? null;
  if (point === null || view.range === null) return { ...view, point };
  return { point, range: containing(view.range, point, wholeRange(x)) };
}
