// The labels and annotations of Epochal itself, such as those that make a TrainingJob a trial of an Experiment. Pure.
import type { Path } from "../../modeler/json";
import { field } from "./applicable";

/** Returns the paths of a document's labels and annotations of Epochal. A document that becomes a new object leaves them. */
export function epochalNames(document: unknown): Path[] {
  return ["labels", "annotations"].flatMap((kind) => {
    const names = Object.keys(field(field(document, "metadata"), kind));
    return names.filter((name) => name.startsWith("epochal.dev/")).map((name) => ["metadata", kind, name]);
  });
}
