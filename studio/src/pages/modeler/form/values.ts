// Arguments as texts of a form, and back. There is no rule about arguments here: a text that is no number is sent as a
// text, and the check of the back end says what the argument takes. Pure.
import { readYaml } from "../../../modeler/document/parse";
import { flow } from "../../../modeler/document/stringify";
import type { Json, JsonObject } from "../../../modeler/json";
import type { Argument } from "../catalogue";

/** Returns a value in the notation of YAML on one line; empty for an absent value. */
export function textOf(value: Json | undefined): string {
  if (value === undefined) return "";
  if (typeof value === "string" && isPlainText(value)) return value;
  return flow(value);
}

/** Whether a text stands for itself in YAML, so that it needs no quotes. */
function isPlainText(value: string): boolean {
  return !value.includes("\n") && valueOf(value, undefined) === value;
}

/** Returns the value of a text; undefined for an empty text, which means the default.
 *
 * A text that is no YAML, such as a list that is not finished, is a string.
 */
export function valueOf(text: string, type: string | undefined): Json | undefined {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  if (type === "string" && !isQuoted(trimmed) && trimmed !== "null") return trimmed;
  const { value, problems } = readYaml(trimmed);
  return problems.length > 0 ? trimmed : value;
}

function isQuoted(text: string): boolean {
  return /^(["']).*\1$/su.test(text);
}

/** Returns whether two values of a document are equal. */
export function isSameValue(left: Json | undefined, right: Json | undefined): boolean {
  return left === right || JSON.stringify(left) === JSON.stringify(right);
}

/** Returns the default of an argument as a placeholder. */
export function placeholderOf(argument: Argument): string {
  if (argument.required) return "";
  if (argument.default === null || argument.default === undefined) return "none";
  return textOf(argument.default);
}

/** Returns a value as an object, or an empty one. */
export function recordOf(value: Json | undefined): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

/** Arguments that Keras gives every layer, and which few networks set. */
const SELDOM = ["trainable", "dtype", "autocast", "activity_regularizer"];

export interface ArgumentGroups {
  /** Required ones, and those that are shown. */
  first: [string, Argument][];
  rest: [string, Argument][];
}

/** Returns the arguments of a form, required ones and those of `shown` first, without those of `hidden`. */
export function groupArguments(known: Record<string, Argument>, hidden: readonly string[], shown: readonly string[]): ArgumentGroups {
  const entries = Object.entries(known).filter(([name]) => !hidden.includes(name));
  const isFirst = ([name, argument]: [string, Argument]) => Boolean(argument.required) || shown.includes(name);
  const first = [...entries.filter(([, argument]) => argument.required), ...entries.filter((entry) => !entry[1].required && isFirst(entry))];
  const rest = entries.filter((entry) => !isFirst(entry));
  const isSeldom = ([name]: [string, Argument]) => SELDOM.includes(name);
  return { first, rest: [...rest.filter((entry) => !isSeldom(entry)), ...rest.filter(isSeldom)] };
}
