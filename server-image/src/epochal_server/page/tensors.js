// Asks a model that takes no photographs: a request as text, and the answer as a table.

import { Refusal, ask } from "./client.js";
import { byId, indices, make, say } from "./make.js";
import { shown } from "./outputs.js";

const LINE = 8; // Numbers that a line of the example has, at least.

// What Open Inference calls the types of numpy.
const DATATYPES = { bool: "BOOL", str: "BYTES", float16: "FP16", float32: "FP32", float64: "FP64" };
const datatypeOf = (dtype) => DATATYPES[dtype] ?? dtype.toUpperCase();
const ANY = 16; // Length of an axis that may have any.

function sample(dtype, index) {
  if (dtype === "str") return '"text"';
  if (dtype === "bool") return "true";
  return dtype.startsWith("float") ? (index % 10) / 10 : 1; // 1 is an index that any table of words has.
}

/** Returns how many numbers stand in a line: those along the last axis, or along the last ones if that is short. */
function lineOf([, ...axes]) {
  let width = 1;
  while (axes.length && width < LINE) width *= axes.pop();
  return width;
}

/** Returns the text of a request with one sample, a line for each of its rows. */
export function example(model) {
  const inputs = model.inputs.map(({ name, dtype, shape }) => {
    const axes = [1, ...shape.slice(1).map((axis) => (axis < 0 ? ANY : axis))];
    const width = lineOf(axes);
    const count = axes.reduce((product, axis) => product * axis, 1);
    const values = indices(count).map((index) => sample(dtype, index));
    const rows = indices(count / width).map((row) => values.slice(row * width, (row + 1) * width).join(", "));
    const about = { name, datatype: datatypeOf(dtype), shape: axes };
    const lines = Object.entries(about).map(([key, value]) => `"${key}": ${JSON.stringify(value)},\n   `);
    return `  {${lines.join("")}"data": [\n     ${rows.join(",\n     ")}\n   ]}`;
  });
  return `{"inputs": [\n${inputs.join(",\n")}\n]}\n`;
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
      const outputs = answered.outputs.map((output) => shown(output, model));
      show(...outputs.map(({ element }) => element));
      say(`Answered: ${outputs.map(({ words }) => words).join("; ")}`);
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
