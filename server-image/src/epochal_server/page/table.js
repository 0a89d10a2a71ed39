// Shows an output of a model as a table.

import { indices, make, number } from "./make.js";

export const FEW = 3; // Samples that stand side by side.
const MOST_COLUMNS = 16; // What a table shows.
export const MOST_ROWS = 100;

/** Returns a table whose rows and columns have titles. */
function titled(caption, columns, rows, columnOf, rowOf, cellOf) {
  const head = columns.map((column) => make("th", { scope: "col" }, columnOf(column)));
  const body = rows.map((row) => {
    const cells = columns.map((column) => cellOf(row, column));
    return make("tr", {}, make("th", { scope: "row" }, rowOf(row)), ...cells);
  });
  return make("table", {}, caption, make("thead", {}, make("tr", {}, make("td"), ...head)), make("tbody", {}, ...body));
}

/**
 * Returns the table of an output: samples side by side if they are few, else one below the other.
 *
 * `rows` has the values of the samples that are shown, `nameOf` returns the name of a class if the values are classes.
 */
export function table({ name, datatype, shape }, rows, nameOf) {
  const [count] = shape;
  const beside = count <= FEW;
  const samples = indices(rows.length);
  const width = rows[0].length;
  const values = indices(Math.min(width, beside ? MOST_ROWS : MOST_COLUMNS));
  const greatest = nameOf && rows.map(placeOfGreatest);
  const cell = (sample, at) => {
    const value = rows[sample][at];
    const kind = typeof value === "string" ? "text" : "";
    return make("td", { className: greatest?.[sample] === at ? "greatest" : kind }, number(value));
  };
  const sampleOf = (sample) => `sample ${sample}`;
  const valueOf = nameOf ?? ((value) => (width === 1 ? "value" : String(value)));
  const about = make("span", { className: "quiet whole" }, `${datatype} [${shape.join(", ")}]`);
  const caption = make("caption", {}, name, " ", about);
  const shown = beside
    ? titled(caption, samples, values, sampleOf, valueOf, (value, sample) => cell(sample, value))
    : titled(caption, values, samples, valueOf, sampleOf, cell);
  const left = [];
  if (samples.length < count) left.push(`${count - samples.length} more samples`);
  if (values.length < width) left.push(`${width - values.length} more values of each`);
  const more = left.length ? make("p", { className: "quiet" }, left.join(", ")) : null;
  return make("div", { className: "wide", tabIndex: 0, role: "region", ariaLabel: name }, shown, more);
}

function placeOfGreatest(values) {
  return values.reduce((greatest, value, at) => (value > values[greatest] ? at : greatest), 0);
}
