import { describe, expect, test } from "vitest";
import { makeRun } from "../../testing/runs";
import type { RunSummary } from "../../wire";
import { buildView, isSameView, shownMetric, timeOf, type ViewOptions } from "./view";

const OPTIONS: ViewOptions = {
  tab: "runs", text: "", state: "", sort: { key: "created", isDescending: true }, closedGroups: new Set(), openExperiments: new Set(),
};
const EXPERIMENT = makeRun({ kind: "Experiment", name: "search" });
const TRIALS = ["search-0", "search-1"].map((name, index) =>
  makeRun({ name, experiment: "search", state: index ? "Failed" : "Running" }),
);

function names(runs: readonly RunSummary[], changes: Partial<ViewOptions> = {}): string[] {
  return buildView(runs, { ...OPTIONS, ...changes }).items.map((item) =>
    item.type === "group" ? `${item.label} ${item.count}` : `${"  ".repeat(item.level - 1)}${item.id.split("/")[2]}`,
  );
}

describe("groups", () => {
  test("runs stand under Running, Queued and Ended", () => {
    const runs = ["Complete", "Queued", "Running", "Suspended", "Storing", "Failed", "Pending"].map((state) =>
      makeRun({ name: state.toLowerCase(), state }),
    );
    expect(names(runs, { sort: { key: "name", isDescending: false } })).toEqual([
      "Running 2", "running", "storing", "Queued 3", "pending", "queued", "suspended", "Ended 2", "complete", "failed",
    ]);
  });

  test("a closed group has only its head", () => {
    expect(names([makeRun()], { closedGroups: new Set(["running"]) })).toEqual(["Running 1"]);
  });

  test("servers have words of their own, and stand apart", () => {
    const runs = [makeRun({ kind: "ModelServer", name: "digits", state: "Degraded" }), makeRun()];
    expect(names(runs)).toEqual(["Running 1", "mnist"]);
    expect(names(runs, { tab: "ModelServer" })).toEqual(["Serving 1", "digits"]);
  });
});

describe("trials", () => {
  const runs = [EXPERIMENT, ...TRIALS];

  test("are folded into their Experiment, which counts alone", () => {
    expect(names(runs)).toEqual(["Running 1", "search"]);
    expect(buildView(runs, OPTIONS).counts).toEqual({ runs: 1, TrainingJob: 0, Experiment: 1, ModelServer: 0 });
  });

  test("follow an open Experiment", () => {
    expect(names(runs, { openExperiments: new Set(["Experiment/team-a/search"]) })).toEqual(["Running 1", "search", "  search-0", "  search-1"]);
  });

  test("are shown without a click if only they pass the filter", () => {
    expect(names(runs, { state: "Failed" })).toEqual(["Running 1", "search", "  search-1"]);
  });

  test("stand alone without their Experiment, as in another namespace", () => {
    expect(names([{ ...EXPERIMENT, namespace: "team-b" }, TRIALS[0] as RunSummary], { text: "search-0" })).toEqual(["Running 1", "search-0"]);
  });
});

describe("the filter", () => {
  const runs = [makeRun({ name: "mnist-1", reason: "OutOfMemory", state: "Failed" }), makeRun({ name: "flowers" })];

  test.each([
    ["MNIST", ["Ended 1", "mnist-1"]],
    ["mnist memory", ["Ended 1", "mnist-1"]],
    ["mnist flowers", []],
    ["team-a", ["Running 1", "flowers", "Ended 1", "mnist-1"]],
  ])("%s", (text, expected) => {
    expect(names(runs, { text })).toEqual(expected);
  });
});

describe("the order", () => {
  const runs = [
    makeRun({ name: "a", metrics: [{ name: "loss", value: 0.5 }], created: "2026-01-01T00:00:00Z" }),
    makeRun({ name: "b", created: "2026-01-03T00:00:00Z" }),
    makeRun({ name: "c", metrics: [{ name: "loss", value: 0.1 }], created: "2026-01-02T00:00:00Z" }),
  ];

  test.each([
    [{ key: "created", isDescending: true }, "b c a"],
    [{ key: "metric", isDescending: false }, "c a b"],
    [{ key: "metric", isDescending: true }, "a c b"],
    [{ key: "progress", isDescending: true }, "a b c"],
  ] as const)("%o", (sort, expected) => {
    expect(names(runs, { sort }).slice(1).join(" ")).toBe(expected);
  });
});

test("a change within a row leaves the view equal, and a change of its state does not", () => {
  const before = buildView([makeRun()], OPTIONS);
  expect(isSameView(before, buildView([makeRun({ percent: 40, epoch: 4 })], OPTIONS))).toBe(true);
  expect(isSameView(before, buildView([makeRun({ state: "Complete" })], OPTIONS))).toBe(false);
});

test("10,000 runs are filtered and ordered", () => {
  const runs = Array.from({ length: 10_000 }, (_, index) => makeRun({ name: `mnist-${index}`, percent: index % 97 }));
  const view = buildView(runs, { ...OPTIONS, text: "mnist", sort: { key: "progress", isDescending: true } });
  expect(view.items).toHaveLength(10_001);
});

test("the metric of a row is the monitored one, and the best value after the end", () => {
  const run = makeRun({ metrics: [{ name: "loss", value: 1 }, { name: "val_loss", value: 2 }], best: { name: "val_loss", value: 1.5 } });
  expect(shownMetric(run)).toEqual({ name: "val_loss", value: 2 });
  expect(shownMetric({ ...run, state: "Complete" })).toEqual({ name: "val_loss", value: 1.5 });
  expect(shownMetric(makeRun())).toBeNull();
});

test("the time of a row is the remaining time, or the duration", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  expect(timeOf(makeRun({ estimatedCompletionTime: "2026-01-01T00:01:00Z" }), now)).toBe(60_000);
  expect(timeOf(makeRun({ startTime: "2026-01-01T00:00:00Z", completionTime: "2026-01-01T01:00:00Z" }), now)).toBe(3_600_000);
  expect(timeOf(makeRun(), now)).toBeNull();
});
