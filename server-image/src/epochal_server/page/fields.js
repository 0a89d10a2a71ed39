// A field for each input of a model, which write its values into the request. One array alone needs no field.

import { make } from "./make.js";

const product = (axes) => axes.reduce((size, axis) => size * axis, 1);

/** Returns whether an input takes one text for each sample, which is typed without quotes. */
const isText = ({ dtype, shape: [, ...axes] }) => dtype === "str" && axes.every((axis) => axis === 1);

/** Returns whether the number of values tells the shape: not if several axes may have any length. */
const isKnown = ({ shape: [, ...axes] }) => axes.filter((axis) => axis < 0).length <= 1;

/** Returns the values in a field, or null if they are no values of JSON between commas. */
function valuesOf(text, input) {
  if (isText(input)) return [text];
  try {
    return JSON.parse(`[${text}]`).flat(Infinity);
  } catch {
    return null;
  }
}

/** Returns the shape of one sample with some values. */
function shapeOf(count, [, ...axes]) {
  const rest = product(axes.filter((axis) => axis >= 0));
  return [1, ...axes.map((axis) => (axis < 0 ? Math.ceil(count / rest) : axis))];
}

function textOf({ data }, input) {
  const values = [data].flat(Infinity);
  return isText(input) ? String(values[0]) : values.map((value) => JSON.stringify(value)).join(", ");
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
  if (model.inputs.length < 2 && !model.inputs.some(isText)) return () => {};
  let asking = null; // The request; null while it has no single sample.
  let writes = false;
  const boxes = model.inputs.map((input, at) => {
    const box = make("textarea", { id: `field-${at}`, rows: 2, spellcheck: false });
    if (!isKnown(input)) box.readOnly = true;
    box.addEventListener("input", () => {
      const values = valuesOf(box.value, input);
      box.ariaInvalid = String(values === null);
      if (values === null || asking === null) return;
      asking.inputs[at] = { ...asking.inputs[at], shape: shapeOf(values.length, input.shape), data: values };
      writes = true; // What is being typed stays as it is.
      write(asking);
      writes = false;
    });
    return box;
  });
  const rows = model.inputs.map(({ name }, at) => make("p", {}, make("label", { htmlFor: boxes[at].id }, name), boxes[at]));
  container.replaceChildren(...rows);
  return (text) => {
    if (writes) return;
    asking = parsed(text, model);
    for (const [at, box] of boxes.entries()) {
      box.disabled = asking === null;
      box.ariaInvalid = "false";
      box.value = asking === null ? "" : textOf(asking.inputs[at], model.inputs[at]);
    }
  };
}
