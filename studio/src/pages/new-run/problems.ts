// The problems of a document by the steps of the page, as the back end has found them. Pure.
import type { DocumentProblem } from "../../wire";
import type { View } from "./document";
import { field } from "../run/objectFields";

export const STEPS = ["network", "data", "training", "resources", "search", "results"] as const;
export type Step = (typeof STEPS)[number];

export const TITLES: Record<Step, string> = {
  network: "Network", data: "Data", training: "Training", resources: "Resources", search: "Search", results: "Results and name",
};

const FIELDS: Record<string, Step> = {
  network: "network", model: "network", code: "network",
  storage: "data", data: "data",
  training: "training", framework: "training",
  resources: "resources", scheduling: "resources", image: "resources",
  objective: "search", search: "search", schedule: "search", parameters: "search", maxTrials: "search",
  parallelism: "search", maxFailedTrials: "search", initialTrials: "search", warmStartFrom: "search",
  results: "results", metadata: "results",
};

/** Returns the step that has a field; undefined for the document itself. */
export function stepOf(path: string): Step | undefined {
  const within = path.replace(/^spec\.template\.spec(?=\.|$)/u, "spec").replace(/^spec(\.|$)/u, "");
  const first = /^[A-Za-z]+/u.exec(within)?.[0] ?? "";
  return FIELDS[first];
}

/** Returns the path of a field in a TrainingJob, as forms name it: without spec and without a template around it. */
export function formPath(path: string): string {
  return path.replace(/^spec\.template\.spec\./u, "").replace(/^spec\./u, "");
}

/** Returns the first error at a field, or within it. */
export function problemAt(problems: readonly DocumentProblem[], path: string): DocumentProblem | undefined {
  return problems.find((each) => {
    const at = formPath(each.path);
    return !each.isWarning && (at === path || at.startsWith(`${path}.`) || at.startsWith(`${path}[`));
  });
}

/** Returns the problems by step; those of the document itself are under `document`. */
export function byStep(problems: readonly DocumentProblem[]): Record<Step | "document", DocumentProblem[]> {
  const result: Record<Step | "document", DocumentProblem[]> = {
    network: [], data: [], training: [], resources: [], search: [], results: [], document: [],
  };
  for (const problem of problems) result[stepOf(problem.path) ?? "document"].push(problem);
  return result;
}

export type StepState = "done" | "open" | "problem" | "optional";

/** Returns the state of a step: without its own fields it is open, and a problem needs fields. */
export function stepState(step: Step, view: View, problems: readonly DocumentProblem[]): StepState {
  if (!isBegun(step, view)) return step === "search" || step === "resources" ? "optional" : "open";
  return problems.some((each) => !each.isWarning) ? "problem" : "done";
}

/** Returns the state of all steps together: problems of steps that the user has not begun are only open. */
export function overallState(view: View, problems: readonly DocumentProblem[]): "done" | "open" | "problem" {
  const found = byStep(problems);
  if (found.document.some((each) => !each.isWarning)) return "problem";
  const states = STEPS.map((step) => stepState(step, view, found[step]));
  // Resources and a search that are left out may still be wrong.
  const isWrong = STEPS.some((step, index) => states[index] === "optional" && found[step].some((each) => !each.isWarning));
  if (isWrong || states.includes("problem")) return "problem";
  return states.includes("open") ? "open" : "done";
}

function isBegun(step: Step, { job, search }: View): boolean {
  switch (step) {
    case "network":
      return ["network", "model", "code"].some((name) => name in job);
    case "data":
      return field(job, "data.train") !== undefined;
    case "search":
      return search !== null;
    default:
      return step in job;
  }
}
