// The requests of a run's actions.
import { runPath } from "../../api/paths";
import { request, RequestError } from "../../api/client";
import type { ActionRequest, CloneRequest, RunDetail, RunKey, RunSummary } from "../../wire";
import { field, type Action } from "./applicable";

/** The fields that identify a version of a run. */
type Version = Pick<RunSummary, "resourceVersion" | "generation" | "uid">;

/** Returns a run with its object and the user's permissions. */
export function loadDetail(run: RunKey, signal?: AbortSignal): Promise<RunDetail> {
  return request<RunDetail>(runPath(run), signal ? { signal } : {});
}

/** Suspends, resumes or finishes the version of a run that the user has seen. */
export function act(run: RunKey, action: Action, seen: Version): Promise<RunDetail> {
  const body: ActionRequest = { action, resourceVersion: seen.resourceVersion, generation: seen.generation ?? null, uid: seen.uid || null };
  return request<RunDetail>(`${runPath(run)}/actions`, { method: "POST", body });
}

/** Deletes a run, unless another one has taken its name. */
export function deleteRun(run: RunSummary): Promise<undefined> {
  return request<undefined>(`${runPath(run)}?${new URLSearchParams({ uid: run.uid })}`, { method: "DELETE" });
}

/** Copies a run, and returns the identity of the copy. */
export function cloneRun(run: RunKey, body: CloneRequest): Promise<RunKey> {
  return request<RunKey>(`${runPath(run)}/clone`, { method: "POST", body });
}

/** Returns the object of a conflict as it is stored now; undefined if an error is no conflict. */
export function storedVersion(error: unknown): Record<string, unknown> | undefined {
  if (!(error instanceof RequestError) || error.problem.reason !== "Conflict") return undefined;
  return error.problem.current ?? undefined;
}

/** Returns the version of a stored object. */
export function versionOf(object: Record<string, unknown>): Version {
  const { resourceVersion, generation, uid } = field(object, "metadata");
  return { resourceVersion: String(resourceVersion ?? ""), generation: typeof generation === "number" ? generation : 0, uid: String(uid ?? "") };
}

/** Returns a free-looking name for a copy within the 63 characters of a name. */
export function copyName(name: string): string {
  const match = /^(.*)-copy(?:-(\d+))?$/u.exec(name);
  const suffix = match ? `-copy-${Number(match[2] ?? 1) + 1}` : "-copy";
  return `${(match?.[1] ?? name).slice(0, 63 - suffix.length).replace(/[-.]+$/u, "")}${suffix}`;
}

/** Returns why a text cannot be the name of an object; empty if it can. */
export function nameProblem(name: string): string {
  if (name === "") return "Type a name.";
  if (name.length > 63) return `The name has ${name.length} characters; at most 63 are allowed.`;
  if (!/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/u.test(name)) {
    return `${JSON.stringify(name)} is no name of an object: use small letters, digits and hyphens, as in ${suggestion(name)}.`;
  }
  return "";
}

function suggestion(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]+/gu, "-").replace(/^-+|-+$/gu, "") || "mnist-2";
}

