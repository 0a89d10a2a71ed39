// Texts of forms from the descriptions of the CRDs. Pure.
import { EXPERIMENT_FIELDS, JOB_FIELDS, type SpecField } from "../../spec-fields";

const FIELDS: Readonly<Record<string, SpecField>> = JOB_FIELDS;
const SEARCH_FIELDS: Readonly<Record<string, SpecField>> = EXPERIMENT_FIELDS;

/** Returns the description of a field of a TrainingJob, or of an Experiment around it. */
export function fieldOf(path: string, isSearch = false): SpecField {
  return (isSearch ? SEARCH_FIELDS[path] : FIELDS[path]) ?? { description: "" };
}

/** Maximum characters of a description that a form shows in full. */
const SHORT = 110;

/** Returns the default of a field: some are not in the schema, because the API server does not store them. */
export function defaultOf(about: SpecField): string | undefined {
  if (about.default !== undefined && about.default !== "") return String(about.default);
  return /Default: ([^.,:]+)\.(?: |$)/u.exec(about.description)?.[1];
}

/**
 * Returns the part of a description that a form shows: its first sentence, and its default.
 *
 * @param option - The chosen value: a description of options has a sentence for each.
 */
export function hintOf({ description }: SpecField, option = ""): string {
  if (description.length <= SHORT) return description;
  const sentences = description.split(/(?<=\.) (?=[A-Z])/u);
  const [first = ""] = sentences;
  const own = option && sentences.find((each) => each.startsWith(`${option}: `) || each.startsWith(`${option} (`));
  if (own) return own;
  const fallback = sentences.find((each) => each.startsWith("Default: "));
  return fallback && fallback !== first ? `${first} ${fallback}` : first;
}

/** Returns the value of a typed number: a text that is none stays, and the check of the back end refuses it. */
export function numberOf(text: string): number | string | undefined {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  // A larger integer would be rounded.
  const isRounded = /^[+-]?\d+$/u.test(trimmed) && !Number.isSafeInteger(Number(trimmed));
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/iu.test(trimmed) && !isRounded ? Number(trimmed) : trimmed;
}

/** Returns a typed text; undefined for an empty one, which removes the field. */
export function textOf(text: string): string | undefined {
  return text.trim() || undefined;
}

/** Returns a value of a document as the text of an input. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : JSON.stringify(value);
}
