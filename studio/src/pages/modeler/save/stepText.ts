// What the dialog of a step of saving says, in place of a dialog that could not be loaded. Pure.
import { problemText } from "../../../api/client";
import type { Step } from "./useSave";

/** Returns the result or the question of a step; empty for the closed dialog. */
export function stepText(step: Step): string {
  switch (step.name) {
    case "closed":
      return "";
    case "name":
      return `The dialog asks for the name of a new run. ${step.cause}`;
    case "namespace":
      return "The dialog asks for the namespace of the run.";
    case "conflict":
      return "Another user or program has changed the stored run. The dialog shows both versions.";
    case "failed":
      return problemText(step.problem);
    case "saved":
      return `${step.saved.key.name} is stored in ${step.saved.key.namespace}, and waits to be started.`;
  }
}
