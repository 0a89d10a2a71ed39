// Shows an output of a model: the classes of a few samples, or a table.

import { finding, sentence } from "./answers.js";
import { className, classValues, hasClasses, prediction } from "./classes.js";
import { indices, make } from "./make.js";
import { FEW, MOST_ROWS, table } from "./table.js";

const MOST_CLASSES = 10; // Classes of a sample that are shown.

/** Returns an output as an element, and in words for a screen reader. */
export function shown({ data, ...output }, model) {
  const flat = data.flat(Infinity);
  const [count] = output.shape;
  const width = flat.length / count;
  const rows = indices(Math.min(count, MOST_ROWS)).map((at) => flat.slice(at * width, (at + 1) * width));
  const words = `${output.name}, ${count} samples`;
  const about = model.outputs.find(({ name }) => name === output.name);
  if (!hasClasses(about, flat)) return { element: table(output, rows), words };
  const classes = rows.map(classValues);
  if (count > FEW) return { element: table(output, classes, (index) => className(index, about)), words };
  const predictions = classes.map((values) => prediction(values, about));
  const name = model.outputs.length > 1 ? output.name : null; // The only output needs no title.
  const titles = predictions.map((_, at) => [name, count > 1 ? `Sample ${at}` : null].filter(Boolean).join(": "));
  const sections = predictions.map((one, at) => section(one, titles[at]));
  const said = name ? `${name}: ${sentence(predictions)}` : sentence(predictions);
  return { element: make("div", { className: "content" }, ...sections), words: said };
}

function section({ top, ...first }, title) {
  const more = top.length - MOST_CLASSES;
  return make(
    "section",
    {},
    title && make("h3", {}, title),
    finding({ ...first, top: top.slice(0, MOST_CLASSES) }),
    more > 0 ? make("p", { className: "quiet" }, `and ${more} more classes`) : null,
  );
}
