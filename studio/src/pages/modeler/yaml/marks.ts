// Where the problems of a document are in its text. Pure.
import { rangeOf, type ModelerDocument } from "../../../modeler/document/parse";
import { getIn, type Path } from "../../../modeler/json";
import type { DocumentProblem } from "../../../wire";
import type { Mark } from "./codemirror";

/** Maximum marks in the text. */
const MAX_MARKS = 100;

/** Returns the path of a text such as spec.network.layers[2].units. */
export function parsePath(text: string): Path {
  return [...text.matchAll(/\[(\d+)\]|([^.[\]]+)/gu)].map(([, index, key]) => (index === undefined ? (key ?? "") : Number(index)));
}

/** Returns the place of a problem in the text; the nearest field around it if its own is absent. */
export function placeOf(problem: DocumentProblem, text: string, document: ModelerDocument | null): { from: number; to: number } | null {
  if (problem.line !== null && problem.line !== undefined) return lineRange(text, problem.line);
  if (!document) return null;
  for (let path = parsePath(problem.path); path.length > 0; path = path.slice(0, -1)) {
    const range = getIn(document.value, path) === undefined ? null : rangeOf(document, path);
    if (range) return { from: range.from, to: range.to };
  }
  return null;
}

/** Returns the range of a line, counted from 1. */
export function lineRange(text: string, line: number): { from: number; to: number } {
  let from = 0;
  for (let at = 1; at < line; at += 1) {
    const end = text.indexOf("\n", from);
    if (end < 0) break;
    from = end + 1;
  }
  const end = text.indexOf("\n", from);
  return { from, to: end < 0 ? text.length : end };
}

/** Returns the marks of problems: on the first line of what they are about. */
export function marksOf(problems: readonly DocumentProblem[], text: string, document: ModelerDocument | null): Mark[] {
  return problems.slice(0, MAX_MARKS).map((problem) => {
    const { from, to } = placeOf(problem, text, document) ?? lineRange(text, 1);
    const end = text.indexOf("\n", from);
    return { from, to: Math.min(to, end < 0 ? text.length : end), message: problem.message, isWarning: problem.isWarning ?? false };
  });
}

