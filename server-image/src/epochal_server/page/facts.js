// The facts about a model: its inputs, outputs and classes.

import { make } from "./make.js";

const IMAGES = {
  Digit: "The server finds the digit, makes it light on dark, crops it and centres it, as in MNIST.",
  Resize: "The server turns a photograph upright, crops or pads it, and resizes it.",
};

function shape({ name, dtype, shape: [, ...axes] }) {
  const type = `${dtype} (${["n", ...axes.map((axis) => (axis < 0 ? "any" : axis))].join(", ")})`;
  return [name, ", ", make("span", { className: "whole" }, type)];
}

/** Returns the terms and descriptions of a description list. */
export function facts(model) {
  const several = model.outputs.length > 1;
  const found = [
    ...model.inputs.map((input) => ["Input", shape(input)]),
    ...model.outputs.map((output) => ["Output", shape(output)]),
    ...model.outputs.map(({ name, classes }) => [several ? `Classes of ${name}` : "Classes", classes?.join(", ")]),
    ["Photographs", IMAGES[model.images]],
    ["Computed by", model.runtime],
  ];
  const known = found.filter(([, fact]) => fact);
  return known.flatMap(([term, fact]) => [make("dt", {}, term), make("dd", {}, ...[fact].flat())]);
}
