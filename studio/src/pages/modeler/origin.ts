// What the modeler has opened: its text, and the stored run that it belongs to. Pure.
import type { DraftVersion } from "../../modeler/drafts";
import { field } from "../../parts/actions/applicable";
import { versionOf } from "../../parts/actions/requests";
import { seenMetadata } from "../../parts/actions/seenMetadata";
import type { RunDetail, RunKey } from "../../wire";

/** A run as it was when it was opened, or as it was saved. */
export interface StoredRun extends DraftVersion {
  key: RunKey;
  resourceVersion: string;
  /** Whether it has run, so that it is not changed any more. */
  hasRun: boolean;
}

/** The version of a draft whose run was deleted: a new run of its name is another one, so that to save over it is a conflict. */
export const NO_VERSION = "";

export interface Origin {
  text: string;
  /** The text of the stored run, which a draft differs from; null for a network that is not saved. */
  storedText: string | null;
  /** Undefined for a network that is not saved. */
  run: StoredRun | undefined;
  /** Name of its draft in this browser. */
  draft: { namespace: string; name: string };
}

/** Returns the origin of a stored run. */
export function originOf(detail: RunDetail): Origin {
  const { kind, namespace, name } = detail.summary;
  const key = { kind, namespace, name };
  const { generation, uid } = field(detail.object, "metadata") as { generation?: number; uid?: string };
  const run = { key, resourceVersion: versionOf(detail.object).resourceVersion || detail.summary.resourceVersion, generation, uid, metadata: seenMetadata(detail.object), hasRun: hasRun(detail) };
  return { text: detail.yaml, storedText: detail.yaml, run, draft: draftOfRun(key) };
}

/** Returns a run as the version that a draft changes. */
export function withVersion(run: StoredRun, { resourceVersion, generation, uid, metadata }: DraftVersion): StoredRun {
  // A draft of an earlier Studio has no generation.
  if (resourceVersion === run.resourceVersion) return run;
  return { ...run, resourceVersion: resourceVersion ?? NO_VERSION, generation, uid, metadata };
}

/** Returns whether a run has started once. A suspended run that has trained keeps its start time. */
export function hasRun({ summary, object }: RunDetail): boolean {
  const status = field(object, "status");
  return summary.startTime !== null || typeof status["startTime"] === "string" || field(status, "progress")["epoch"] !== undefined;
}

export function draftOfRun({ kind, namespace, name }: RunKey): Origin["draft"] {
  return { namespace, name: `${kind}/${name}` };
}

/** Returns the key of a draft for the address. */
export function draftKey({ namespace, name }: Origin["draft"]): string {
  return `${namespace}/${name}`;
}

/** Returns the draft of a key; undefined if the text is none. */
export function parseDraftKey(key: string): Origin["draft"] | undefined {
  const at = key.indexOf("/");
  return at < 0 ? undefined : { namespace: key.slice(0, at), name: key.slice(at + 1) };
}

/** Returns the run that a draft belongs to; undefined for a network that is not saved. */
export function runOfDraft({ namespace, name }: Origin["draft"]): RunKey | undefined {
  const [kind, run, ...rest] = name.split("/");
  return (kind === "TrainingJob" || kind === "Experiment") && run && rest.length === 0 ? { kind, namespace, name: run } : undefined;
}

/** A network without layers. */
export const BLANK = `apiVersion: epochal.dev/v1alpha1
kind: TrainingJob
metadata:
  name: my-network
spec:
  suspend: true
  network:
    input: {shape: [28, 28, 1]}
    layers: []
  training:
    epochs: 10
    batchSize: 32
    optimizer: {name: Adam, learning_rate: 0.001}
    loss: SparseCategoricalCrossentropy
    metrics: [accuracy]
`;
