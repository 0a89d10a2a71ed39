// What the steps of the page share: the document, its problems, and the ways to change it.
import { createContext, useContext } from "react";
import type { Document } from "yaml";
import type { Checked, Session } from "../../wire";
import type { View } from "./document";

export interface Form {
  text: string;
  view: View;
  /** The namespace of the page, in which the run is made. */
  namespace: string;
  session: Session;
  checked: Checked | undefined;
  /** Sets a field of the TrainingJob, also in a template; undefined removes it. */
  set: (path: string | readonly (string | number)[], value: unknown) => void;
  /** Changes the nodes of the document. */
  edit: (change: (document: Document) => void) => void;
  /** Changes the text of the document as it is then, also after a request. */
  write: (change: (text: string) => string) => void;
}

export const FormContext = createContext<Form | null>(null);

export function useForm(): Form {
  const form = useContext(FormContext);
  if (!form) throw new Error("A step is shown outside of the page New run.");
  return form;
}
