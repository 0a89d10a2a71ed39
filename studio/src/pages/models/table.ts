/** A table as the request of a model: a row is a sample, and its columns are the values of the inputs. */

import { bytes } from "server-page/make.js";
import type { InferRequest, PageModel, Tensor } from "server-page/model";
import { datatypeOf, written } from "server-page/request.js";
import { count } from "../../parts/format";
import { MAX_CHARACTERS, readCells, type Cells } from "./csv";

export const MAX_ROWS = 5_000;
/** Maximum columns of a model for which a table is offered. */
const MAX_COLUMNS = 1_000;
/** Values of a sample that are named in a message. */
const NAMED = 8;

/** Why a table is no request, with the remedy. */
export class TableError extends Error {}

export interface TableRequest {
  request: InferRequest;
  samples: number;
  /** Names of columns that no input takes. */
  unused: string[];
  /** Whether a header does not name the inputs, so that the columns are taken in the order of the inputs. */
  isInOrder: boolean;
}

/** Returns how many values of a row an input takes; null if its length is not fixed. */
function widthOf({ shape: [, ...axes] }: Tensor): number | null {
  return axes.some((axis) => axis < 0) ? null : axes.reduce((size, axis) => size * axis, 1);
}

/** Returns the number of columns of a model's table; null for a model that takes none. */
export function columnsOf({ inputs }: PageModel): number | null {
  const widths = inputs.map(widthOf);
  const total = widths.reduce<number>((sum, width) => sum + (width ?? Infinity), 0);
  return total > 0 && total <= MAX_COLUMNS ? total : null;
}

/** Returns a name for each column of a model's table: that of its feature, or that of its input. */
function namesOf({ inputs, features }: PageModel): string[] {
  return inputs.flatMap((input, at) => {
    const width = widthOf(input) ?? 0;
    return at === 0 && features?.length === width ? features : Array.from({ length: width }, () => input.name);
  });
}

/** Returns the columns of a model in words, such as `height, width and 3 values of colour`. */
export function columnsText(model: PageModel): string {
  const { inputs } = model;
  const names = namesOf(model);
  if (inputs.length === 1 && new Set(names).size === names.length) return listText(names.slice(0, NAMED), names.length - NAMED, "columns");
  const parts = inputs.slice(0, NAMED).map((input) => {
    const width = widthOf(input) ?? 0;
    return width === 1 ? input.name : `${count(width, "value")} of ${input.name}`;
  });
  return listText(parts, inputs.length - NAMED, "inputs");
}

function listText(shown: readonly string[], more: number, noun: string): string {
  const parts = more > 0 ? [...shown, `those of ${more} more ${noun}`] : [...shown];
  const last = parts.pop() ?? "";
  return parts.length > 0 ? `${parts.join(", ")} and ${last}` : last;
}

/**
 * Returns the request for a table.
 *
 * The first line may be a header. If it names all columns, they are found by name.
 */
export function readTable(text: string, model: PageModel): TableRequest {
  if (text.length > MAX_CHARACTERS) {
    throw new TableError(`The table has ${text.length} characters; at most ${MAX_CHARACTERS} are read. Use fewer rows.`);
  }
  const cells = readCells(text);
  const [first] = cells.rows;
  if (!first) throw new TableError("The table is empty. Paste rows of values, or open a CSV file.");
  const inputs = model.inputs.map((input) => ({ input, width: widthOf(input) ?? 0 }));
  const names = namesOf(model);
  const isHeader = isHeaderRow(first, inputs, names, cells);
  const rows = isHeader ? cells.rows.slice(1) : cells.rows;
  if (rows.length === 0) throw new TableError("The table has a header alone. Add rows of values.");
  if (rows.length > MAX_ROWS) throw new TableError(`The table has ${rows.length} rows; at most ${MAX_ROWS} are sent at once.`);
  const isNamed = isHeader && new Set(names).size === names.length && names.every((name) => first.includes(name));
  const inOrder = placesInOrder(inputs, isNamed ? names.length : first.length, model);
  const places = isNamed ? inOrder.map((columns) => columns.map((column) => first.indexOf(names[column] ?? ""))) : inOrder;
  if (isHeader && !isNamed) checkOrder(first, names, model);
  const taken = new Set(places.flat());
  const request: InferRequest = {
    inputs: inputs.map(({ input }, index) => ({
      name: input.name,
      datatype: datatypeOf(input.dtype),
      shape: [rows.length, ...input.shape.slice(1)],
      data: rows.flatMap((row, at) =>
        (places[index] ?? []).map((column) => valueOf(row, column, input, cells, at + (isHeader ? 2 : 1), first)),
      ),
    })),
  };
  const size = new TextEncoder().encode(written(request)).length;
  if (size > model.limits.request_bytes) {
    const most = bytes(model.limits.request_bytes);
    throw new TableError(`The request has ${bytes(size)}, and the model takes ${most}. Use fewer rows.`);
  }
  return { request, samples: rows.length, unused: isHeader ? first.filter((_, at) => !taken.has(at)) : [], isInOrder: isHeader && !isNamed };
}

interface Part {
  input: Tensor;
  width: number;
}

/** Whether a row names columns: no cell has the number or truth value that its input takes. Texts must be the names of the columns. */
function isHeaderRow(row: readonly string[], inputs: readonly Part[], names: readonly string[], cells: Cells): boolean {
  if (names.every((name) => row.includes(name))) return true;
  const typed = row.map((cell, at) => ({ cell, dtype: inputAt(inputs, at)?.dtype ?? "str" })).filter(({ dtype }) => kindOf(dtype) !== "text");
  return typed.length > 0 && typed.every(({ cell, dtype }) => parsed(cell, dtype, cells) === undefined);
}

/** Returns the input of a column if the columns are in the order of the inputs. */
function inputAt(inputs: readonly Part[], column: number): Tensor | undefined {
  let end = 0;
  return inputs.find(({ width }) => column < (end += width))?.input;
}

/** Throws TableError if a header has the name of a column, in any case, at the place of another one. */
function checkOrder(header: readonly string[], names: readonly string[], model: PageModel): void {
  const expected = names.map((name) => name.toLowerCase());
  const isMisplaced = header.some((cell, at) => {
    const name = cell.trim().toLowerCase();
    return expected.includes(name) && expected[at] !== name;
  });
  if (!isMisplaced) return;
  const found = header.slice(0, NAMED).join(", ") + (header.length > NAMED ? ", …" : "");
  throw new TableError(`The columns are ${found}, and the model takes ${columnsText(model)}. Put them in the order of the model.`);
}

/** Returns the columns of each input, in the order of the inputs. */
function placesInOrder(inputs: readonly Part[], columns: number, model: PageModel): number[][] {
  const total = inputs.reduce((sum, { width }) => sum + width, 0);
  if (columns !== total) {
    const more = columns > total ? " Remove the other columns, such as the labels." : "";
    throw new TableError(
      `The first row has ${count(columns, "column")}, and the model takes ${total}: ${columnsText(model)}.${more}`,
    );
  }
  let begin = 0;
  return inputs.map(({ width }) => {
    begin += width;
    return Array.from({ length: width }, (_, at) => begin - width + at);
  });
}

function valueOf(row: readonly string[], column: number, input: Tensor, cells: Cells, line: number, first: readonly string[]): unknown {
  if (row.length !== first.length) {
    throw new TableError(`Row ${line} has ${count(row.length, "column")}, and the first row has ${first.length}.`);
  }
  const cell = row[column] ?? "";
  const value = parsed(cell, input.dtype, cells);
  if (value === undefined) {
    const shown = JSON.stringify(cell.slice(0, 40));
    throw new TableError(`Row ${line}, column ${column + 1}: ${input.name} takes ${NOUNS[kindOf(input.dtype)]}, found ${shown}.`);
  }
  return value;
}

type ValueKind = "text" | "truth" | "integer" | "number";
const NOUNS: Record<ValueKind, string> = { text: "texts", truth: "true or false", integer: "integers", number: "numbers" };

function kindOf(dtype: string): ValueKind {
  if (dtype === "str") return "text";
  if (dtype === "bool") return "truth";
  return dtype.startsWith("float") || dtype === "bfloat16" ? "number" : "integer";
}

/** Returns the value of a cell; undefined if the type has no such value. */
function parsed(cell: string, dtype: string, { separator }: Cells): string | number | boolean | undefined {
  const kind = kindOf(dtype);
  if (kind === "text") return cell;
  if (kind === "truth") return { true: true, false: false, 1: true, 0: false }[cell.toLowerCase()];
  // Spreadsheets with a decimal comma separate cells by semicolons.
  const text = separator === ";" ? cell.replace(/^([-+]?\d*),(\d+(?:[eE][-+]?\d+)?)$/u, "$1.$2") : cell;
  if (!/^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/u.test(text)) return undefined;
  const value = Number(text);
  if (!Number.isFinite(value)) return undefined;
  return kind === "integer" && !Number.isSafeInteger(value) ? undefined : value;
}
