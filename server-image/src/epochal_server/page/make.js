// Makes elements. Text is set as text, never as HTML: names of classes and of files are strangers' words.

/** Returns an element with properties, and children that are elements or text. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Returns the numbers from 0 on, as many as asked for. */
export const indices = (count) => Array.from({ length: count }, (_, index) => index);

/** Returns a value of a tensor as people read it. */
export function number(value) {
  if (typeof value !== "number" || Number.isInteger(value)) return String(value);
  return Math.abs(value) < 1e-3 ? value.toExponential(2) : String(Number(value.toPrecision(6)));
}

/** Returns a bound as people write it: 8 MiB. */
export function bytes(count) {
  const units = ["bytes", "KiB", "MiB", "GiB"];
  let unit = 0;
  for (; count >= 1024 && unit < units.length - 1; unit += 1) count /= 1024;
  return `${Number(count.toFixed(count < 10 && unit ? 1 : 0))} ${units[unit]}`;
}
