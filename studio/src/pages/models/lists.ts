/** The parts of the page Models: the servers, and the models that can be deployed. */

import type { RunSummary } from "../../wire";
import { hasEnded } from "../run/states";

export interface Lists {
  servers: RunSummary[];
  /** Ended runs with a model, newest first. */
  models: RunSummary[];
}

/**
 * Returns servers and models whose names have a text, or whose source, namespace, state or Experiment has it.
 *
 * Trials are left out unless they are wanted: the model of an Experiment is that of its best trial.
 */
export function listsOf(runs: readonly RunSummary[], text: string, withTrials: boolean): Lists {
  const words = text.toLowerCase().split(/\s+/u).filter(Boolean);
  const shown = runs.filter((run) => {
    const all = searched(run);
    return words.every((word) => all.includes(word));
  });
  return {
    servers: shown.filter(({ kind }) => kind === "ModelServer").sort(byName),
    models: shown.filter((run) => isDeployable(run) && (withTrials || !run.experiment)).sort((a, b) => endOf(b) - endOf(a) || byName(a, b)),
  };
}

/** Whether a run has ended with a model. */
export function isDeployable({ kind, state, hasModel }: RunSummary): boolean {
  return kind !== "ModelServer" && hasModel && hasEnded(state);
}

function searched({ name, namespace, state, experiment, server }: RunSummary): string {
  return [name, namespace, state, experiment, server?.source?.name].filter(Boolean).join("\n").toLowerCase();
}

function endOf({ completionTime, created }: RunSummary): number {
  return Date.parse(completionTime ?? created);
}

function byName(a: RunSummary, b: RunSummary): number {
  return a.name.localeCompare(b.name) || a.namespace.localeCompare(b.namespace);
}

/** Returns the file of a model, such as best.onnx of s3://results/vision/mnist/uid/best.onnx. */
export function modelFile(uri: string): string {
  return uri.split("/").at(-1) || uri;
}
