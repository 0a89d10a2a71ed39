/** The figures of a run, from its status. */

import type { RunDetail } from "../../wire";
import { field, numberField, textField } from "./objectFields";
import { formatTime } from "../../parts/format";

export interface Figure {
  name: string;
  value: string;
}

/** Returns the figures of a TrainingJob. */
export function trainingFigures({ object }: Pick<RunDetail, "object">): Figure[] {
  const best = textField(object, "status.best.value");
  const epoch = numberField(object, "status.best.epoch");
  return present([
    [`Best ${textField(object, "status.best.metric") ?? ""}`, best && `${best} in epoch ${epoch ?? "?"}`],
    ...metrics(object, "status.test", "Test"),
    ...metrics(object, "status.metrics", "Last"),
    ["Epochs", counted(object, "status.progress.epoch", "status.progress.epochs")],
    ["Time of an epoch", suffixed(textField(object, "status.progress.secondsPerEpoch"), " s")],
    ["Parameters", numberField(object, "status.network.parameters")?.toLocaleString()],
    ["Layers", numberField(object, "status.network.layers")],
    ["GPUs", numberField(object, "status.gpus")],
    ["Attempt", numberField(object, "status.attempt")],
    ...times(object),
    ["Results", textField(object, "status.results.uri")],
  ]);
}

/** Returns the figures of an Experiment. */
export function experimentFigures({ object }: Pick<RunDetail, "object">): Figure[] {
  const counts = ["created", "queued", "running", "paused", "complete", "failed", "diverged"] as const;
  return present([
    ["Objective", objective(object)],
    ["Trials at most", numberField(object, "spec.maxTrials")],
    ...counts.map((name): Pair => [`Trials ${name}`, numberField(object, `status.trials.${name}`)]),
    ["Epochs trained", numberField(object, "status.epochs.trained")],
    ["Epochs saved", numberField(object, "status.epochs.saved")],
    ...times(object),
    ["Results", textField(object, "status.results.uri")],
  ]);
}

type Pair = [name: string, value: string | number | null | undefined | false];

function present(pairs: readonly Pair[]): Figure[] {
  return pairs.flatMap(([name, value]) =>
    value === null || value === undefined || value === false || value === "" ? [] : [{ name, value: String(value) }],
  );
}

function metrics(object: unknown, path: string, prefix: string): Pair[] {
  const found = field(object, path);
  if (typeof found !== "object" || found === null) return [];
  return Object.entries(found).map(([name, value]): Pair => [`${prefix} ${name}`, typeof value === "string" && value]);
}

function times(object: unknown): Pair[] {
  const [start, end] = [textField(object, "status.startTime"), textField(object, "status.completionTime")];
  return [
    ["Start", start && formatTime(start)],
    ["End", end && formatTime(end)],
  ];
}

function counted(object: unknown, part: string, total: string): string | null {
  const [found, all] = [numberField(object, part), numberField(object, total)];
  return all === null ? null : `${found ?? 0} of ${all}`;
}

function suffixed(text: string | null, suffix: string): string | null {
  return text === null ? null : text + suffix;
}

function objective(object: unknown): string | null {
  const metric = textField(object, "spec.objective.metric");
  return metric && `${textField(object, "spec.objective.goal") ?? ""} ${metric}`.trim();
}
