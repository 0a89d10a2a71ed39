// Sends a document to the cluster: a dry run, a start, or a suspended run.
import { MAX_YAML, type SaveRequest, type Saved } from "../../wire";
import { problem, request, RequestError } from "../../api/client";
import { withSuspend } from "./convert";
import type { Version } from "./draft";

export type SaveAction = "check" | "start" | "save";

function versionIn({ resourceVersion, generation, uid, metadata }: Version): Partial<SaveRequest> {
  // An empty UID is that of no object.
  return uid ? { resourceVersion, generation, uid, ...(metadata ? { metadata } : {}) } : { resourceVersion };
}

/** Texts of the actions, as their buttons name them. */
export const LABELS: Record<SaveAction, string> = { check: "Check with the cluster", start: "Start", save: "Save suspended" };

/**
 * Returns the object as the API server has stored it, or would store it.
 *
 * @param version - The version that the user has changed; null creates a run.
 */
export async function send(text: string, namespace: string, action: SaveAction, version: Version | null): Promise<Saved> {
  // The dry run is that of a start: quota and policies look at what would run.
  const yaml = withSuspend(text, action === "save");
  if (yaml.length > MAX_YAML) throw new RequestError(problem("TooLarge", `The document has more than ${MAX_YAML.toLocaleString()} characters.`, "Use fewer layers."), 0);
  const body: SaveRequest = { namespace, yaml, resourceVersion: null, ...(version ? versionIn(version) : {}), dryRun: action === "check" };
  return request<Saved>("/api/jobs", { method: "POST", body });
}
