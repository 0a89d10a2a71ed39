/** The state of a run: whether it has ended, and why it waits or has failed. */

import type { RunDetail } from "../../wire";
import { condition } from "./objectFields";

/** States in which a run changes no more by itself. */
const ENDED = new Set(["Complete", "Failed"]);

export function hasEnded(state: string): boolean {
  return ENDED.has(state);
}

export interface Cause {
  reason: string;
  message: string;
  isFailure: boolean;
}

/**
 * Returns why a run waits or has failed, with the next step; null if it goes on as it should.
 *
 * The message of the condition has both. The summary has a shortened form of it, for the list.
 */
export function causeOf({ summary, object }: Pick<RunDetail, "summary" | "object">): Cause | null {
  if (summary.reason === "") return null;
  const [reason = "", ...rest] = summary.reason.split(": ");
  const whole = ["Ready", "StorageAvailable", "Failed", "Progressing"]
    .map((type) => condition(object, type))
    .find((found) => found?.reason === reason && found.message !== "");
  return { reason, message: whole?.message ?? rest.join(": "), isFailure: summary.state === "Failed" };
}
