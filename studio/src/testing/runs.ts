// Runs for tests.
import type { RunSummary } from "../wire";

/** Returns a run; `changes` are the fields that a test is about. */
export function makeRun(changes: Partial<RunSummary> = {}): RunSummary {
  const name = changes.name ?? "mnist";
  return {
    kind: "TrainingJob", namespace: "team-a", name, uid: `uid-${name}`, resourceVersion: "1", generation: 1,
    created: "2026-01-01T00:00:00Z", state: "Running", reason: "", warnings: 0, startTime: null, completionTime: null,
    estimatedCompletionTime: null, percent: 0, epoch: null, epochs: null, metrics: [], best: null, sparkline: [],
    trials: null, experiment: null, hasModel: false, ...changes,
  };
}
