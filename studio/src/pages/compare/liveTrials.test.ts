import { expect, test } from "vitest";
import { summary } from "../../testing/pageBackEnd";
import { liveTrials } from "./liveTrials";

const SEARCH = { kind: "Experiment", namespace: "vision", name: "search" } as const;
const trial = (name: string, state: string, more = {}) => summary({ name, state, experiment: "search", ...more });

test("trials that train are first, with trial, rung and the value of the objective", () => {
  const metrics = [{ name: "loss", value: 0.5 }, { name: "val_accuracy", value: 0.9 }];
  const runs = [
    trial("search-0-r0", "Complete"), trial("search-3-r0", "Queued"), trial("search-1-r1", "Running", { metrics }), trial("search-2-r0", "Running", { metrics: metrics.slice(0, 1) }),
    trial("search-9-r0", "Running", { namespace: "speech" }), trial("copy", "Running"), summary({ name: "search-4-r0", experiment: "other" }),
  ];
  expect(liveTrials(runs, SEARCH, "val_accuracy").map(({ number, rung, run, metric }) => [number, rung, run.state, metric?.value])).toEqual([
    [2, 0, "Running", 0.5], [1, 1, "Running", 0.9], [3, 0, "Queued", undefined], [0, 0, "Complete", undefined],
  ]);
});
