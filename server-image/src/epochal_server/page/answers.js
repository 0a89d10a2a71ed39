// Shows what the model answers to photographs and drawings.

import { make, number } from "./make.js";

const SHORT = 12; // Characters of a name that is written large.
const MOST_VALUES = 12; // Values of an output that are shown.

/** Returns a probability as people read it. */
export function percent(probability) {
  if (probability >= 0.9995 && probability < 1) return "> 99.9 %";
  if (probability > 0 && probability < 0.0005) return "< 0.1 %";
  return `${(100 * probability).toFixed(1).replace(/\.0$/, "")} %`;
}

const called = (one) => String(one.name ?? one.class);
// A model that gives no probabilities gives scores, which may be any numbers.
const figure = (one) => (one.probability === undefined ? number(one.score) : percent(one.probability));

/** Returns an answer in a sentence. */
export function sentence(found) {
  if (found.length === 0) return "Nothing was found.";
  return found.map((one) => [...(one.top ? [`${called(one)}, ${figure(one)}`] : []), ...outputs(one)].join(", ")).join("; ");
}

/** Returns the outputs that are no classes of the first output, each as a line. */
function outputs(one) {
  return Object.entries(one.outputs ?? {}).map(([name, value]) => {
    if (value?.top) return `${name}: ${called(value)}, ${figure(value)}`;
    const all = [value].flat(Infinity);
    const more = all.length > MOST_VALUES ? `, and ${all.length - MOST_VALUES} more` : "";
    return `${name}: ${all.slice(0, MOST_VALUES).map(number).join(", ")}${more}`;
  });
}

function bars(top) {
  const rows = top.map((one) => {
    const bar = make("span", { className: "bar", ariaHidden: "true" });
    // Through the CSSOM: the policy forbids style in HTML.
    if (one.probability !== undefined) bar.style.setProperty("--part", String(one.probability));
    const [name, value] = [make("span", { className: "class" }, called(one)), make("span", {}, figure(one))];
    return make("li", {}, name, bar, value);
  });
  return make("ol", { className: "bars" }, ...rows);
}

function seen(one) {
  if (!one.image) return null;
  const picture = make("img", { className: "seen", src: one.image, alt: "The picture that the network saw" });
  return make("figure", {}, picture, make("figcaption", {}, "what the network saw"));
}

/** Returns what was found in one place of a picture, or in a sample. */
export function finding(one, place) {
  const lines = outputs(one).map((line) => make("p", {}, line));
  if (!one.top) return make("div", { className: "finding" }, seen(one), make("div", {}, ...lines));
  const head = make("p", { className: "found" });
  if (place !== undefined) head.append(make("span", { className: "number", ariaHidden: "true" }, String(place)));
  const name = called(one);
  head.append(make("strong", { className: name.length > SHORT ? "long" : "" }, name), " ", make("span", { className: "quiet" }, figure(one)));
  return make("div", { className: "finding" }, seen(one), make("div", {}, head, bars(one.top), ...lines));
}

/** Returns a picture with a box around each finding. */
function boxed(picture, found) {
  const frame = make("div", { className: "frame" }, picture);
  const place = () => {
    for (const [index, { box }] of found.entries()) {
      const mark = make("span", { className: "box", ariaHidden: "true" }, make("span", {}, String(index + 1)));
      const parts = {
        left: box.left / picture.naturalWidth,
        top: box.top / picture.naturalHeight,
        width: (box.right - box.left) / picture.naturalWidth,
        height: (box.bottom - box.top) / picture.naturalHeight,
      };
      for (const [side, part] of Object.entries(parts)) mark.style[side] = `${100 * part}%`;
      frame.append(mark);
    }
  };
  if (found.some((one) => one.box)) picture.decode().then(place, () => {});
  return frame;
}

/** Returns a card for one picture: a title, the picture if it is to be shown, and what comes of it. */
export function card(title, source) {
  const content = make("div", { className: "content" }, make("p", { className: "quiet waits" }, "…"));
  const picture = source && make("img", { className: "photograph", src: source, alt: title });
  picture?.addEventListener("error", () => (picture.hidden = true)); // A browser does not know every format.
  const article = make("article", { ariaBusy: "true" }, title ? make("h3", {}, title) : null, content);
  const done = (...parts) => {
    article.ariaBusy = "false";
    content.replaceChildren(...parts.filter(Boolean));
  };
  return {
    article,
    answer(found) {
      const several = found.some((one) => one.box);
      const findings = found.map((one, index) => finding(one, several ? index + 1 : undefined));
      if (found.length === 0) findings.push(make("p", { className: "quiet" }, "Nothing was found."));
      const named = several && found.every((one) => one.top); // Others than classes have no names to read in a line.
      const line = named ? make("p", { className: "line" }, found.map(called).join(" ")) : null;
      done(picture && boxed(picture, found), line, ...findings);
    },
    refuse(message) {
      done(picture, make("p", { className: "refusal" }, message));
    },
  };
}
