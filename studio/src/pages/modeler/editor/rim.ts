// What forms and the canvas need of the open document: its state, the findings of the check, and the ways to change it.
import type { NodeFindings, PlacedProblem } from "../../../modeler/check";
import type { ModelerDocument } from "../../../modeler/document/parse";
import type { Edit } from "../../../modeler/edits/edit";
import { getIn, type Json, type Path } from "../../../modeler/json";
import type { DocumentProblem } from "../../../wire";
import type { Catalogue } from "../catalogue";
import type { FormRim } from "../form/ArgumentFields";
import { FieldProblems } from "../form/problems";

export interface EditorRim {
  catalogue: Catalogue;
  /** Null while the text is broken. */
  document: ModelerDocument | null;
  findings: NodeFindings;
  problems: FieldProblems;
  /** Namespace for a document that names none. */
  namespace: string;
  /** Makes an edit; a refusal becomes a notice. */
  apply: (edit: Edit) => boolean;
  /** Opens the dialog that connects the selected layer. */
  onConnect: () => void;
}

/** Returns the rim of a form whose values are set by `edit`. */
export function formRim(rim: EditorRim, edit: (path: Path, value: Json | undefined) => Edit): FormRim {
  return { catalogue: rim.catalogue, problems: rim.problems, onSet: (path, value) => void rim.apply(edit(path, value)) };
}

/** Returns the problems of the text and of the check together. Of a broken text, both know the same faults. */
export function allProblems(own: readonly DocumentProblem[], checked: readonly PlacedProblem[]): PlacedProblem[] {
  const known = new Set(own.map((each) => `${each.path}\n${each.message}`));
  const isNew = (each: DocumentProblem) => !known.has(`${each.path}\n${each.message}`) && (own.length === 0 || typeof each.line !== "number");
  return [...own.map((each) => ({ ...each, node: null })), ...checked.filter(isNew)];
}

/** Returns a value of the document. */
export function valueAt(rim: EditorRim, path: Path): Json | undefined {
  return rim.document ? getIn(rim.document.value, path) : undefined;
}

/** Returns the path of a field of the TrainingJob's spec, which an Experiment has in its template. */
export function specPath(rim: EditorRim, path: Path): Path {
  return [...(rim.document?.specPath ?? ["spec"]), ...path];
}
