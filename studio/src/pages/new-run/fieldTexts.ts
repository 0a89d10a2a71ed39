// Texts of forms from the descriptions of the CRDs. Pure.
import { EXPERIMENT_FIELDS, JOB_FIELDS, type SpecField } from "../../spec-fields";

const FIELDS: Readonly<Record<string, SpecField>> = JOB_FIELDS;
const SEARCH_FIELDS: Readonly<Record<string, SpecField>> = EXPERIMENT_FIELDS;

/** Returns the description of a field of a TrainingJob, or of an Experiment around it. */
export function fieldOf(path: string, isSearch = false): SpecField {
  return (isSearch ? SEARCH_FIELDS[path] : FIELDS[path]) ?? { description: "" };
}

/** Returns the first sentence of a description, and its default. */
export function hintOf({ description }: SpecField): string {
  const sentences = description.split(/(?<=\.) (?=[A-Z])/u);
  const [first = ""] = sentences;
  const fallback = sentences.find((each) => each.startsWith("Default: "));
  return fallback && fallback !== first ? `${first} ${fallback}` : first;
}

/** Returns the value of a typed number: a text that is none stays, and the check of the back end refuses it. */
export function numberOf(text: string): number | string | undefined {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/iu.test(trimmed) ? Number(trimmed) : trimmed;
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
