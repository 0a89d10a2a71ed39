// YAML of a value, in a notation that YAML 1.1, YAML 1.2 and JSON parsers read alike.
import { isList, isObject, type Json, type JsonObject } from "../json";

/** A text that begins with a letter is no number and no date, and it needs no quotes unless it is one of NO_TEXT. */
const PLAIN = /^[A-Za-z_/][\w./+-]*$/u;
const PLAIN_IN_BLOCK = /^[A-Za-z_/](?:[\w./+()%@=-]| (?=[\w./+()%@=-])|:(?=[\w./]))*$/u;
/** Words, and exponents such as e1, that a parser takes for another value. */
const NO_TEXT = /^(?:true|false|yes|no|on|off|y|n|null|e[-+]?\d+)$/iu;
/** Characters that parsers of YAML 1.1 refuse, or read as line ends. */
export const LINE_ENDS = /[\u007f-\u009f\u2028\u2029\ufeff]/u;
const EACH_LINE_END = new RegExp(LINE_ENDS, "gu");
/** A longer object is written with a line for each field, where that is possible. */
const MAX_LINE = 100;

/** Returns a value on one line, as it is inside of [] and {}. */
export function flow(value: Json): string {
  if (isList(value)) return `[${value.map(flow).join(", ")}]`;
  if (isObject(value)) return `{${Object.entries(value).map(([key, item]) => `${scalar(key)}: ${flow(item)}`).join(", ")}}`;
  return scalar(value);
}

/** Returns the text behind the colon of `key:` in a block, with its leading space.
 *
 * Lists of objects, and long objects, get lines of their own.
 */
export function behindKey(value: Json, indent: number): string {
  if (isList(value) && value.some(isObject)) return `\n${value.map((item) => `${" ".repeat(indent)}- ${shortItem(item, indent + 2)}`).join("\n")}`;
  if (isObject(value) && isLong(value, indent)) return `\n${fields(value, indent + 2)}`;
  return ` ${inBlock(value)}`;
}

/** Returns an item of a list in a block, without its dash. `indent` is the column of its text. */
export function listItem(value: Json, indent: number, isBlock: boolean): string {
  return isBlock && isObject(value) && Object.keys(value).length > 0 ? fields(value, indent).trimStart() : shortItem(value, indent);
}

/** Returns the lines of an object's fields. */
export function fields(value: JsonObject, indent: number): string {
  return Object.entries(value).map(([key, item]) => `${" ".repeat(indent)}${scalar(key)}:${behindKey(item, indent)}`).join("\n");
}

/** Returns a value on one line that is not inside of [] or {}. */
export function inBlock(value: Json): string {
  return typeof value === "string" && PLAIN_IN_BLOCK.test(value) && !NO_TEXT.test(value) ? value : flow(value);
}

function shortItem(value: Json, indent: number): string {
  return isObject(value) && isLong(value, indent) ? fields(value, indent).trimStart() : inBlock(value);
}

function isLong(value: JsonObject, indent: number): boolean {
  return Object.keys(value).length > 0 && flow(value).length + indent > MAX_LINE;
}

function scalar(value: string | number | boolean | null): string {
  if (typeof value === "number") return number(value);
  if (typeof value !== "string") return String(value);
  return PLAIN.test(value) && !NO_TEXT.test(value) ? value : quoted(value);
}

/** Returns a text in double quotes. */
export function quoted(value: string): string {
  return JSON.stringify(value).replace(EACH_LINE_END, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function number(value: number): string {
  if (Number.isNaN(value)) return ".nan";
  if (!Number.isFinite(value)) return value > 0 ? ".inf" : "-.inf";
  const text = Object.is(value, -0) ? "-0.0" : String(value);
  // YAML 1.1 reads a number with an exponent only with a point: 1.0e-7.
  return text.includes("e") && !text.includes(".") ? text.replace("e", ".0e") : text;
}
