/** The geometry of parallel coordinates: an axis for each property, a line for each run. */

import { formatValue } from "../../charts/numbers";

export interface ParallelRow {
  id: string;
  label: string;
  /** A value for each axis; null or empty if it is not set. */
  cells: readonly (string | null | undefined)[];
  isBest: boolean;
}

export interface Axis {
  name: string;
  /** Marks with their place, from 0 (bottom) to 1 (top). */
  ticks: { label: string; at: number }[];
}

export interface Parallel {
  axes: Axis[];
  /** Lines with a place and a value in words on each axis; the best one last, above the others. */
  lines: { id: string; label: string; isBest: boolean; at: number[]; values: string[] }[];
  /** Number of rows without a line. */
  omitted: number;
  /** Names of the properties that have no room for an axis. */
  omittedAxes: string[];
}

/** Maximum number of lines: more hide each other. */
export const MAX_PARALLEL = 300;
/** Maximum number of axes: more make the picture too wide to follow a line. */
export const MAX_AXES = 12;
/** Room for the names and marks of the first and the last axis. */
export const SIDE = 82;
/** Minimum distance of two axes: less has no room for their names. */
const MIN_STEP = 165;
/** Part of an axis above the mark of missing values. */
const MISSING_ROOM = 0.15;
/** Ratio of the extremes from which an axis is logarithmic. */
const LOGARITHMIC = 100;
const MAX_WORDS = 12;
export const NOT_SET = "not set";

/** Returns the distance of two axes: they fill a place, or have their minimum distance in a place that is too narrow. */
export function axisStep(axes: number, place: number): number {
  return Math.max(MIN_STEP, (place - 2 * SIDE) / Math.max(1, axes - 1));
}

/** Returns axes and lines. Properties with one value for all rows tell nothing, and have no axis. */
export function parallel(names: readonly string[], rows: readonly ParallelRow[]): Parallel {
  const shown = rows.slice(0, MAX_PARALLEL).map((row) => ({ ...row, cells: row.cells.map(cleaned) }));
  const useful = names
    .map((name, column) => ({ name, column, scale: scaleOf(shown.map((row) => row.cells[column] ?? "")) }))
    .filter(({ scale }) => scale.isUseful);
  // The last axis is the result.
  const scales = useful.slice(-MAX_AXES);
  const lines = shown.map((row) => ({
    id: row.id,
    label: row.label,
    isBest: row.isBest,
    at: scales.map(({ column, scale }) => scale.place(row.cells[column] ?? "")),
    values: scales.map(({ column }) => row.cells[column] || NOT_SET),
  }));
  return {
    axes: scales.map(({ name, scale }) => ({ name, ticks: scale.ticks })),
    lines: lines.sort((a, b) => Number(a.isBest) - Number(b.isBest)),
    omitted: rows.length - shown.length,
    omittedAxes: useful.slice(0, -MAX_AXES).map(({ name }) => name),
  };
}

/** Returns the text of a cell; empty for a value that has no place on an axis, as of a training that diverged. */
function cleaned(cell: string | null | undefined): string {
  return cell && !/^[+-]?(nan|inf|infinity)$/iu.test(cell) ? cell : "";
}

interface Scale {
  place: (cell: string) => number;
  ticks: Axis["ticks"];
  isUseful: boolean;
}

function scaleOf(cells: readonly string[]): Scale {
  const given = cells.filter((cell) => cell !== "");
  const numbers = given.map(Number).filter(Number.isFinite);
  const hasMissing = given.length < cells.length;
  const bottom = hasMissing ? MISSING_ROOM : 0;
  const missing = hasMissing ? [{ label: NOT_SET, at: 0 }] : [];
  const isUseful = new Set(cells).size > 1;
  return numbers.length > 0 && numbers.length === given.length
    ? numberScale(numbers, bottom, missing, isUseful)
    : wordScale(given, bottom, missing, isUseful);
}

function numberScale(numbers: readonly number[], bottom: number, missing: Axis["ticks"], isUseful: boolean): Scale {
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  const transform = low > 0 && high / low >= LOGARITHMIC ? Math.log : (value: number) => value;
  const width = transform(high) - transform(low);
  const at = (value: number) => bottom + (1 - bottom) * (width > 0 ? (transform(value) - transform(low)) / width : 0.5);
  const values = low === high ? [low] : [low, high];
  return {
    place: (cell) => (cell === "" ? 0 : at(Number(cell))),
    ticks: [...missing, ...values.map((value) => ({ label: formatValue(value), at: at(value) }))],
    isUseful,
  };
}

function wordScale(given: readonly string[], bottom: number, missing: Axis["ticks"], isUseful: boolean): Scale {
  const words = [...new Set(given)].sort();
  const at = (index: number) => bottom + (1 - bottom) * (words.length > 1 ? index / (words.length - 1) : 0.5);
  const places = new Map(words.map((word, index) => [word, at(index)]));
  return {
    place: (cell) => places.get(cell) ?? 0,
    ticks: [...missing, ...words.map((label, index) => ({ label, at: at(index) }))],
    isUseful: isUseful && words.length <= MAX_WORDS,
  };
}
