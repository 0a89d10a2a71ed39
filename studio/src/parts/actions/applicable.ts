// The actions that a run offers: the user may do them, and they would change something. Pure.
import type { ActionRequest, RunDetail } from "../../wire";
import { groupOf } from "../state";

export type Action = ActionRequest["action"];
export type MenuAction = Action | "clone" | "delete";

/** Returns the actions of a run's menu, in their order. */
export function applicableActions({ summary, object, permissions }: Pick<RunDetail, "summary" | "object" | "permissions">): MenuAction[] {
  const spec = field(object, "spec");
  const isSuspended = spec["suspend"] === true;
  const isEnded = groupOf(summary) === "ended";
  const isServer = summary.kind === "ModelServer";
  const applies: Record<MenuAction, boolean> = {
    suspend: !isServer && !isEnded && !isSuspended,
    resume: !isServer && !isEnded && isSuspended,
    finish: !isServer && !isEnded && spec["finish"] !== true,
    clone: true,
    delete: true,
  };
  const order: MenuAction[] = ["suspend", "resume", "finish", "clone", "delete"];
  return order.filter((action) => applies[action] && permissions.includes(action));
}

/** Returns a field of an object as an object; an empty one if it has none. */
export function field(object: unknown, name: string): Record<string, unknown> {
  if (typeof object !== "object" || object === null) return {};
  const value = (object as Record<string, unknown>)[name];
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

/** Returns the URI of a run's results; empty before they exist. */
export function resultsUri({ object }: Pick<RunDetail, "object">): string {
  const uri = field(field(object, "status"), "results")["uri"];
  return typeof uri === "string" ? uri : "";
}

/** Returns sentences on the effect of a deletion. */
export function deletionEffects(detail: Pick<RunDetail, "summary" | "object">): string[] {
  const uri = resultsUri(detail);
  const stays = uri ? `The results in ${uri} stay in the bucket.` : "Results that are already in the bucket stay there.";
  const isEnded = groupOf(detail.summary) === "ended";
  switch (detail.summary.kind) {
    case "TrainingJob":
      return [isEnded ? "The object and its log in the cluster are deleted." : "The training stops. An epoch that is not stored yet is lost.", stays];
    case "Experiment":
      return [isEnded ? "The Experiment and its trials are deleted." : "The search stops, and its trials are deleted with it.", stays];
    case "ModelServer":
      return ["The server stops, and its address does not answer any more.", "The model in the bucket stays."];
  }
}
