// Stores the document: a new TrainingJob, or another version of one that has not run.
import { request } from "../../../api/client";
import type { SaveRequest, Saved } from "../../../wire";
import type { StoredRun } from "../origin";

export interface Target {
  /** Name in the document. */
  name: string;
  namespace: string;
  kind: string;
}

/** Returns the request that saves a document.
 *
 * A run that the document belongs to, and which has not run, is changed; otherwise an object is created.
 */
export function saveRequest(yaml: string, { name, namespace, kind }: Target, run: StoredRun | undefined): SaveRequest {
  const isSame = run !== undefined && run.key.name === name && run.key.namespace === namespace && run.key.kind === kind;
  const request = { namespace, yaml, resourceVersion: null, dryRun: false };
  if (!isSame || run.hasRun) return request;
  const { resourceVersion, generation, uid, metadata } = run;
  // The operator writes the status of the version that the user has seen: then only a change of its spec, labels or
  // annotations is a conflict.
  return { ...request, resourceVersion, ...(generation !== undefined && uid !== undefined ? { generation, uid } : {}), ...(metadata ? { metadata } : {}) };
}

/** Stores a document. Throws RequestError: Conflict if another user has changed the run, AlreadyExists for a used name. */
export function saveDocument(body: SaveRequest, signal: AbortSignal): Promise<Saved> {
  return request<Saved>("/api/jobs", { method: "POST", body, signal });
}

/** Returns the command that applies the run without Studio. */
export function kubectlCommand({ key }: Saved): string {
  const kind = key.kind === "TrainingJob" ? "tj" : "experiment";
  return `kubectl get ${kind} ${key.name} --namespace ${key.namespace} --output yaml`;
}
