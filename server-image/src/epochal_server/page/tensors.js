// Asks a model that takes no photographs: a request as text, and the answer as a table.

import { Refusal, ask } from "./client.js";
import { byId, make, number, say } from "./make.js";

const MOST_COLUMNS = 16; // Values of a sample that a table shows.
const MOST_ROWS = 50;

// What Open Inference calls the types of numpy.
const DATATYPES = { bool: "BOOL", str: "BYTES", float16: "FP16", float32: "FP32", float64: "FP64" };
const datatypeOf = (dtype) => DATATYPES[dtype] ?? dtype.toUpperCase();
const ANY = 16; // Length of an axis that may have any.

function sample(dtype, index) {
  if (dtype === "str") return '"text"';
  if (dtype === "bool") return "true";
  return dtype.startsWith("float") ? (index % 10) / 10 : 1; // 1 is an index that any table of words has.
}

/** Returns the text of a request with one sample, a line for each of its rows. */
export function example(model) {
  const inputs = model.inputs.map(({ name, dtype, shape }) => {
    const axes = [1, ...shape.slice(1).map((axis) => (axis < 0 ? ANY : axis))];
    const width = axes.at(-1);
    const count = axes.reduce((product, axis) => product * axis, 1);
    const values = Array.from({ length: count }, (_, index) => sample(dtype, index));
    const rows = Array.from({ length: count / width }, (_, row) => values.slice(row * width, (row + 1) * width).join(", "));
    const about = `"name": ${JSON.stringify(name)},\n   "datatype": "${datatypeOf(dtype)}",\n   "shape": [${axes.join(", ")}]`;
    return `  {${about},\n   "data": [\n     ${rows.join(",\n     ")}\n   ]}`;
  });
  return `{"inputs": [\n${inputs.join(",\n")}\n]}\n`;
}

/** Returns the table of an output: a row for each sample, a column for each of its values. */
function table({ name, datatype, shape, data }, classes) {
  const flat = data.flat(Infinity);
  const width = shape.slice(1).reduce((product, axis) => product * axis, 1);
  const columns = Math.min(width, MOST_COLUMNS);
  const named = classes?.length === width ? classes : null;
  const titles = Array.from({ length: columns }, (_, column) => named?.[column] ?? String(column));
  const head = make("tr", {}, make("th", { scope: "col" }, "sample"), ...titles.map((title) => make("th", { scope: "col" }, title)));
  if (columns < width) head.append(make("th", { scope: "col" }, "…"));
  const rows = Array.from({ length: Math.min(shape[0], MOST_ROWS) }, (_, row) => {
    const values = flat.slice(row * width, row * width + columns);
    const greatest = named && Math.max(...values);
    const cells = values.map((value) => make("td", { className: value === greatest ? "greatest" : "" }, number(value)));
    if (columns < width) cells.push(make("td", {}, `${width - columns} more`));
    return make("tr", {}, make("th", { scope: "row" }, String(row)), ...cells);
  });
  const caption = make("caption", {}, name, " ", make("span", { className: "quiet" }, `${datatype} [${shape.join(", ")}]`));
  const more = shape[0] > MOST_ROWS ? make("p", { className: "quiet" }, `${shape[0] - MOST_ROWS} samples more`) : null;
  return make("div", { className: "wide", tabIndex: 0, role: "region", ariaLabel: name }, make("table", {}, caption, make("thead", {}, head), make("tbody", {}, ...rows)), more);
}

/** Returns where in a text JSON breaks off, in words, or "" if it does not. */
function fault(text) {
  try {
    JSON.parse(text);
    return "";
  } catch (error) {
    return `The request is no JSON: ${error.message}`;
  }
}

/** Shows the part of the page for tensors. `refused` is told of a Refusal that is about the key. */
export function tensors(model, refused) {
  const outputs = byId("outputs");
  const request = byId("request");
  byId("tensors").hidden = false;
  const show = (...parts) => outputs.replaceChildren(...parts);
  const refuse = (message) => {
    show(make("p", { className: "refusal" }, message));
    say(message);
  };
  const restore = () => {
    request.value = example(model);
    show(make("p", { className: "quiet" }, "Ask, and the answer stands here."));
  };
  restore();
  byId("example").addEventListener("click", restore);

  async function answer() {
    const wrong = fault(request.value);
    if (wrong) {
      refuse(wrong);
      return;
    }
    const path = `v2/models/${encodeURIComponent(model.name)}/infer`;
    try {
      const answered = await ask(path, { type: "application/json", body: request.value });
      show(...answered.outputs.map((output, index) => table(output, index === 0 ? model.classes : null)));
      say(`Answered: ${answered.outputs.map(({ name, shape }) => `${name}, ${shape[0]} samples`).join("; ")}`);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      refuse(error.message);
      if (error.status === 401) refused(error);
    }
  }
  byId("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    answer();
  });
  request.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    answer();
  });
  return answer;
}
