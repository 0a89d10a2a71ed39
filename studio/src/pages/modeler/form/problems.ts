// The problems of a check by the fields of a form. Pure.
import { pathText, type Path } from "../../../modeler/json";
import type { DocumentProblem } from "../../../wire";

/** Whether a path is a field, or lies within it. */
export function isWithin(path: string, field: string): boolean {
  if (!path.startsWith(field)) return false;
  const next = path[field.length];
  return next === undefined || next === "." || next === "[";
}

export class FieldProblems {
  readonly #problems: readonly DocumentProblem[];

  constructor(problems: readonly DocumentProblem[]) {
    this.#problems = problems;
  }

  /** Returns the messages of a field, and of all that lies within it. */
  at(path: Path): string[] {
    const field = pathText(path);
    return unique(this.#problems.filter((each) => isWithin(each.path, field)).map((each) => each.message));
  }

  /** Returns the messages of some paths, without what lies within them. */
  exactly(paths: readonly Path[]): string[] {
    const texts = paths.map(pathText);
    return unique(this.#problems.filter((each) => texts.includes(each.path)).map((each) => each.message));
  }
}

function unique(messages: readonly string[]): string[] {
  return [...new Set(messages)];
}
