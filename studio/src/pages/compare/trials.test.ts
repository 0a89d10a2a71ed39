import { expect, test } from "vitest";
import { jobOf, parallelColumns, shownColumns, sortedTrials, trialsOf } from "./trials";

const trials = {
  columns: ["number", "state", "rate", "value", "uri"],
  rows: [
    ["0", "Complete", "0.1", "0.5", "s3://results/team/search-0-r1/uid/"],
    ["1", "Failed", "1e-3", "", ""],
    ["2", "Complete", "0.01", "0.25", "s3://results/a/b/team/search-2-r0/uid/"],
    ["3", "Diverged", "none", "nan", ""],
  ],
  isComplete: true,
};

test("the folder of a trial names its TrainingJob", () => {
  expect(trialsOf(trials).map((trial) => trial.job)).toEqual(["search-0-r1", null, "search-2-r0", null]);
  expect(jobOf("https://x/a/b/c/d/")).toBeNull();
});

test("the status names the TrainingJob itself", () => {
  const [trial] = trialsOf({
    columns: ["number", "value", "job", "uri"],
    rows: [["4", "1", "search-4-r2", ""]],
    isComplete: false,
  });
  expect(trial).toMatchObject({ number: "4", job: "search-4-r2" });
});

test("a trial keeps its identity in another order, and a number that is there twice has two", () => {
  const ids = (...numbers: string[]) =>
    trialsOf({ columns: ["number"], rows: numbers.map((number) => [number]), isComplete: true }).map(
      (trial) => trial.id,
    );
  expect(ids("7", "3")).toEqual(["7", "3"]);
  expect(new Set(ids("7", "7")).size).toBe(2);
});

test("numbers are sorted as numbers, and empty cells are last in both directions", () => {
  const rows = trialsOf(trials);
  const order = (column: number, isDescending: boolean) =>
    sortedTrials(rows, column, isDescending).map((trial) => trial.number);
  expect(order(2, false)).toEqual(["1", "2", "0", "3"]);
  expect(order(3, false)).toEqual(["2", "0", "3", "1"]);
  expect(order(3, true)).toEqual(["0", "2", "3", "1"]);
});

test("columns with another form are hidden", () => {
  expect(shownColumns(trials.columns)).toEqual([1, 2, 3]);
});

test("parameters come first, the value last", () => {
  expect(parallelColumns(["number", "value", "rate", "epochs", "units", "uri"])).toEqual([2, 4, 1]);
});
