/** The trials of an Experiment as rows to sort and to choose. */

import type { Trials } from "../../wire";

export interface Trial {
  /** Identity of the row, which stays when the order of the rows changes. */
  id: string;
  number: string;
  /** The TrainingJob of the trial's last rung; null if it is unknown. */
  job: string | null;
  cells: readonly string[];
}

/** Columns that the page shows in another form. */
const HIDDEN = new Set(["job", "uri", "number"]);

/** Returns the trials of an answer. */
export function trialsOf({ columns, rows }: Trials): Trial[] {
  const at = (name: string) => columns.indexOf(name);
  const [number, job, uri] = [at("number"), at("job"), at("uri")];
  const known = new Set<string>();
  return rows.map((cells, index) => {
    const found = cells[number] ?? String(index);
    // A table that somebody has written by hand may have a number twice.
    const id = known.has(found) ? `${found} in row ${index}` : found;
    known.add(found);
    return { id, number: found, job: cells[job] || jobOf(cells[uri] ?? ""), cells };
  });
}

/** Returns the indices of the columns that are shown. */
export function shownColumns(columns: readonly string[]): number[] {
  return columns.flatMap((name, index) => (HIDDEN.has(name) ? [] : [index]));
}

/** Columns that are neither parameters nor the value. */
const NO_PARAMETERS = new Set([...HIDDEN, "state", "rungs", "epochs", "seconds", "epoch"]);

/** Returns the indices of the parameters, and of the value as the last one. */
export function parallelColumns(columns: readonly string[]): number[] {
  const shown = columns.flatMap((name, index) => (NO_PARAMETERS.has(name) || name === "value" ? [] : [index]));
  const value = columns.indexOf("value");
  return value < 0 ? shown : [...shown, value];
}

/** Returns the TrainingJob of a results folder, s3://BUCKET/PREFIX/NAMESPACE/NAME/UID/; null if it is none. */
export function jobOf(uri: string): string | null {
  const parts = uri.replace(/\/$/u, "").split("/");
  return uri.startsWith("s3://") && parts.length >= 6 ? (parts.at(-2) ?? null) : null;
}

/** Returns trials by a column: numbers before texts, empty cells last. */
export function sortedTrials(trials: readonly Trial[], column: number, isDescending: boolean): Trial[] {
  const sign = isDescending ? -1 : 1;
  return [...trials].sort((a, b) => {
    const [left, right] = [a.cells[column] ?? "", b.cells[column] ?? ""];
    if (left === "" || right === "") return Number(left === "") - Number(right === "");
    const [one, other] = [Number(left), Number(right)];
    const areNumbers = [Number.isFinite(one), Number.isFinite(other)] as const;
    if (areNumbers[0] && areNumbers[1]) return sign * (one - other);
    if (areNumbers[0] !== areNumbers[1]) return areNumbers[0] ? -1 : 1;
    return sign * left.localeCompare(right);
  });
}
