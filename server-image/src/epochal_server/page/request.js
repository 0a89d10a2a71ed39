// The text of a request of Open Inference.

import { indices } from "./make.js";

const LINE = 8; // Numbers that a line of the example has, at least.

// Names of the types of numpy in Open Inference.
const DATATYPES = { bool: "BOOL", str: "BYTES", float16: "FP16", float32: "FP32", float64: "FP64" };
export const datatypeOf = (dtype) => DATATYPES[dtype] ?? dtype.toUpperCase();
const ANY = 16; // Length of an axis that may have any.

function madeUp(dtype, index) {
  if (dtype === "str") return "text";
  if (dtype === "bool") return true;
  return dtype.startsWith("float") ? (index % 10) / 10 : 1; // 1 is an index that any table of words has.
}

/** Returns a request with one sample of made-up values. */
export function invented(model) {
  const inputs = model.inputs.map(({ name, dtype, shape: [, ...axes] }) => {
    const shape = [1, ...axes.map((axis) => (axis < 0 ? ANY : axis))];
    const count = shape.reduce((product, axis) => product * axis, 1);
    return { name, datatype: datatypeOf(dtype), shape, data: indices(count).map((index) => madeUp(dtype, index)) };
  });
  return { inputs };
}

/** Returns how many values stand in a line: those along the last axis, or along the last ones if that is short. */
function lineOf([, ...axes]) {
  let width = 1;
  while (axes.length && width < LINE) width *= axes.pop();
  return width;
}

/** Returns the text of a request with one sample, a line for each of its rows. */
export function written({ inputs, ...others }) {
  const texts = inputs.map(({ data, ...about }) => {
    const values = data.map((value) => JSON.stringify(value));
    const width = lineOf(about.shape);
    const rows = indices(Math.ceil(values.length / width)).map((row) => values.slice(row * width, (row + 1) * width).join(", "));
    const lines = Object.entries(about).map(([key, value]) => `"${key}": ${JSON.stringify(value)},\n   `);
    return `  {${lines.join("")}"data": [\n     ${rows.join(",\n     ")}\n   ]}`;
  });
  const more = Object.entries(others).map(([key, value]) => `,\n${JSON.stringify(key)}: ${JSON.stringify(value)}`);
  return `{"inputs": [\n${texts.join(",\n")}\n]${more.join("")}}`;
}
