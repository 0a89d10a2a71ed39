// Shows an output of a model as a table.

import { indices, make, number } from "./make.js";

const FEW = 3; // Samples that stand side by side.
const MOST_COLUMNS = 16; // What a table shows.
const MOST_ROWS = 100;

/** Returns a table whose rows and columns have titles. */
function titled(caption, columns, rows, columnOf, rowOf, cellOf) {
  const head = columns.map((column) => make("th", { scope: "col" }, columnOf(column)));
  const body = rows.map((row) => {
    const cells = columns.map((column) => cellOf(row, column));
    return make("tr", {}, make("th", { scope: "row" }, rowOf(row)), ...cells);
  });
  return make("table", {}, caption, make("thead", {}, make("tr", {}, make("td"), ...head)), make("tbody", {}, ...body));
}

/** Returns the table of an output: samples side by side if they are few, else one below the other. */
export function table({ name, datatype, shape, data }, classes) {
  const flat = data.flat(Infinity);
  const count = shape[0];
  const width = flat.length / count;
  const named = classes?.length === width ? classes : null;
  const beside = count <= FEW;
  const samples = indices(Math.min(count, MOST_ROWS));
  const values = indices(Math.min(width, beside ? MOST_ROWS : MOST_COLUMNS));
  const cell = (sample, value) => {
    const found = flat[sample * width + value];
    const greatest = named && found === Math.max(...flat.slice(sample * width, (sample + 1) * width));
    return make("td", { className: greatest ? "greatest" : "" }, number(found));
  };
  const sampleOf = (sample) => `sample ${sample}`;
  const valueOf = (value) => named?.[value] ?? String(value);
  const about = make("span", { className: "quiet" }, `${datatype} [${shape.join(", ")}]`);
  const caption = make("caption", {}, name, " ", about);
  const shown = beside
    ? titled(caption, samples, values, sampleOf, valueOf, (value, sample) => cell(sample, value))
    : titled(caption, values, samples, valueOf, sampleOf, cell);
  const left = [];
  if (samples.length < count) left.push(`${count - samples.length} samples more`);
  if (values.length < width) left.push(`${width - values.length} values more of each`);
  const more = left.length ? make("p", { className: "quiet" }, left.join(", ")) : null;
  return make("div", { className: "wide", tabIndex: 0, role: "region", ariaLabel: name }, shown, more);
}
