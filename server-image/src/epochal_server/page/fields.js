// A field for each input of a model, or for each named column of its table, which write their values into the request.
// One array without names needs no field.

import { make } from "./make.js";

const product = (axes) => axes.reduce((size, axis) => size * axis, 1);

/** Returns whether an input takes one text for each sample, which is typed without quotes. */
const isText = ({ dtype, shape: [, ...axes] }) => dtype === "str" && axes.every((axis) => axis === 1);

const MOST_COLUMNS = 200; // That have a field each.

/** Returns the names of the columns of an input; null if the model has none, or another number of them. */
function columnsOf(model, at) {
  const names = at === 0 ? (model.features ?? []) : [];
  const [, ...axes] = model.inputs[at].shape;
  const isTable = names.length > 0 && names.length <= MOST_COLUMNS && axes.every((axis) => axis > 0);
  return isTable && product(axes) === names.length ? names : null;
}

/** Returns the fields of a model. A field of a column has its place among the values of the input, another field null. */
function partsOf(model) {
  return model.inputs.flatMap((input, at) => {
    const names = columnsOf(model, at);
    return names ? names.map((label, column) => ({ label, at, column })) : [{ label: input.name, at, column: null }];
  });
}

/** Returns whether the number of values tells the shape: not if several axes may have any length. */
const isKnown = ({ shape: [, ...axes] }) => axes.filter((axis) => axis < 0).length <= 1;

/** Returns the values in a field; null if they are no values of JSON between commas, or not one for a column. */
function valuesOf(text, input, column) {
  if (isText(input) || (column !== null && input.dtype === "str")) return [text];
  try {
    const values = JSON.parse(`[${text}]`).flat(Infinity);
    return column === null || values.length === 1 ? values : null;
  } catch {
    return null;
  }
}

/** Returns the shape of one sample with some values. */
function shapeOf(count, [, ...axes]) {
  const rest = product(axes.filter((axis) => axis >= 0));
  return [1, ...axes.map((axis) => (axis < 0 ? Math.ceil(count / rest) : axis))];
}

function textOf({ data }, input, column) {
  const flat = [data].flat(Infinity);
  const values = column === null ? flat : flat.slice(column, column + 1);
  return isText(input) || (column !== null && input.dtype === "str") ? String(values[0] ?? "") : values.map((value) => JSON.stringify(value)).join(", ");
}

/** Returns a request with the inputs in the order of the model; null for text that is no request of one sample. */
function parsed(text, model) {
  try {
    const request = JSON.parse(text);
    const inputs = model.inputs.map(({ name }) => request.inputs.find((one) => one.name === name));
    const isSingle = inputs.every(({ shape, data }) => shape[0] === 1 && data.length);
    return isSingle && request.inputs.length === inputs.length ? { ...request, inputs } : null;
  } catch {
    return null;
  }
}

/**
 * Shows the fields in a container, and returns the function that fills them in from the text of a request.
 *
 * `write` gets the request with the values of the fields after each change of them.
 */
export function fields(container, model, write) {
  container.replaceChildren();
  const parts = partsOf(model);
  if (parts.length < 2 && !model.inputs.some(isText)) return () => {};
  let asking = null; // The request; null while it has no single sample.
  let writes = false;
  const boxes = parts.map(({ at, column }, index) => {
    const input = model.inputs[at];
    const box = make("textarea", { id: `field-${index}`, rows: column === null ? 2 : 1, spellcheck: false });
    if (!isKnown(input)) box.readOnly = true;
    box.addEventListener("input", () => {
      const values = valuesOf(box.value, input, column);
      box.ariaInvalid = String(values === null);
      if (values === null || asking === null) return;
      const data = column === null ? values : [asking.inputs[at].data].flat(Infinity).with(column, values[0]);
      asking.inputs[at] = { ...asking.inputs[at], shape: shapeOf(data.length, input.shape), data };
      writes = true; // What is being typed stays as it is.
      write(asking);
      writes = false;
    });
    return box;
  });
  const rows = parts.map(({ label }, index) => make("p", {}, make("label", { htmlFor: boxes[index].id }, label), boxes[index]));
  container.replaceChildren(...rows);
  return (text) => {
    if (writes) return;
    asking = parsed(text, model);
    for (const [index, box] of boxes.entries()) {
      const { at, column } = parts[index];
      box.disabled = asking === null;
      box.ariaInvalid = "false";
      box.value = asking === null ? "" : textOf(asking.inputs[at], model.inputs[at], column);
    }
  };
}
