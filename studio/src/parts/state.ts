// How states look: each has a tone and a shape, and belongs to a group.
import type { RunSummary } from "../wire";
import type { Shape } from "./icons";

export type Tone = "ok" | "busy" | "waiting" | "failed" | "neutral";
export type Group = "running" | "queued" | "ended";

export interface Look {
  tone: Tone;
  shape: Shape;
}

const LOOKS: Record<string, Look> = {
  Pending: { tone: "neutral", shape: "dots" },
  Queued: { tone: "neutral", shape: "dots" },
  Starting: { tone: "busy", shape: "dots" },
  Waiting: { tone: "waiting", shape: "hourglass" },
  Running: { tone: "busy", shape: "ring" },
  Storing: { tone: "busy", shape: "store" },
  Suspended: { tone: "neutral", shape: "pause" },
  Complete: { tone: "ok", shape: "check" },
  Failed: { tone: "failed", shape: "cross" },
  Ready: { tone: "ok", shape: "check" },
  Updating: { tone: "busy", shape: "ring" },
  Degraded: { tone: "waiting", shape: "warning" },
  Stopped: { tone: "neutral", shape: "stop" },
};

/** Returns the look of a state; a state of a newer operator is neutral. */
export function lookOf(state: string): Look {
  return LOOKS[state] ?? { tone: "neutral", shape: "dots" };
}

const RUN_GROUPS: Record<string, Group> = {
  Pending: "queued", Queued: "queued", Suspended: "queued", Complete: "ended", Failed: "ended",
};
const SERVER_GROUPS: Record<string, Group> = {
  Pending: "queued", Waiting: "queued", Starting: "queued", Stopped: "ended", Failed: "ended",
};

/** Returns the group of a run or server. */
export function groupOf({ kind, state }: Pick<RunSummary, "kind" | "state">): Group {
  return (kind === "ModelServer" ? SERVER_GROUPS : RUN_GROUPS)[state] ?? "running";
}
