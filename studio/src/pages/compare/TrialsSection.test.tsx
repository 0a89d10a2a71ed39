import { act, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { detail, pageBackEnd, summary } from "../../testing/pageBackEnd";
import { TrialsSection } from "./TrialsSection";

const SEARCH = detail(
  { kind: "Experiment", name: "search" },
  {
    object: {
      spec: { objective: { metric: "val_accuracy", goal: "Maximize" } },
      status: { best: { trial: 1, jobName: "search-1-r0" } },
    },
  },
);
const TRIALS = {
  columns: ["number", "state", "rate", "value", "uri"],
  rows: [
    ["0", "Complete", "0.1", "0.8", "s3://results/vision/search-0-r1/uid/"],
    ["1", "Complete", "0.01", "0.9", "s3://results/vision/search-1-r0/uid/"],
    ["2", "Failed", "1", "", ""],
  ],
  isComplete: true,
};
const ANSWERS = {
  "GET /api/runs/Experiment/vision/search/trials": TRIALS,
  "GET /api/runs/TrainingJob/vision/search-1-r0/history": {
    curves: [{ name: "val_accuracy", epochs: [1], values: [0.9] }],
    epochs: 1,
    isThinned: false,
    omittedMetrics: 0,
    source: "bucket",
    problem: null,
  },
};

test("the best trial is first, marked in words, with a link to its TrainingJob", async () => {
  pageBackEnd(ANSWERS).show(<TrialsSection detail={SEARCH} version="1" />);
  const table = await screen.findByRole("table", { name: "Trials" });
  const [, first] = within(table).getAllByRole("row");
  expect(first?.textContent).toContain("best");
  const link = within(first as HTMLElement).getByRole("link", { name: "1" });
  expect(link.getAttribute("href")).toBe("/runs/TrainingJob/vision/search-1-r0");
  expect(within(table).getByRole("columnheader", { name: /value/u }).getAttribute("aria-sort")).toBe("descending");
});

test("the trials of a running Experiment appear and move without a reload", async () => {
  const server = pageBackEnd(ANSWERS);
  const trial = (epoch: number, value: number) => summary({ name: "search-3-r1", experiment: "search", epoch, epochs: 9, metrics: [{ name: "val_accuracy", value }] });
  server.show(<TrialsSection detail={SEARCH} version="1" />);
  expect(screen.queryByRole("table", { name: "Trials now" })).toBeNull();
  const update = (epoch: number, value: number) => act(() => server.update({ isFirst: false, isComplete: false, changed: [{ ...trial(epoch, value), resourceVersion: `${epoch}` }], removed: [] }));
  update(1, 0.25);
  const table = await screen.findByRole("table", { name: "Trials now" });
  const cells = () => within(table).getAllByRole("cell").map((cell) => cell.textContent);
  expect(cells()).toEqual(["Running", "1", "1/9", "val_accuracy", "0.2500"]);
  update(2, 0.5);
  await waitFor(() => expect(cells()).toEqual(["Running", "1", "2/9", "val_accuracy", "0.5000"]));
});

test("the values of parallel coordinates are read by keys", async () => {
  pageBackEnd(ANSWERS).show(<TrialsSection detail={SEARCH} version="1" />);
  const cursor = await screen.findByRole("slider", { name: "Parallel coordinates" });
  cursor.focus();
  await userEvent.keyboard("{ArrowLeft}{ArrowLeft}");
  expect(cursor.getAttribute("aria-valuetext")).toBe("rate 0.01: trial 1, the best");
  await userEvent.keyboard("{ArrowUp}");
  expect(cursor.getAttribute("aria-valuetext")).toBe("rate 0.1: trial 0");
  expect(screen.getByText("rate 0.1: trial 0")).toBeTruthy();
  await userEvent.keyboard("{Escape}");
  expect(screen.queryByText("rate 0.1: trial 0")).toBeNull();
});

test("parallel coordinates name the parameters without an axis", async () => {
  const names = Array.from({ length: 14 }, (_, index) => `p${index}`);
  const row = (number: number) => [String(number), "Complete", ...names.map(() => String(number)), String(number), ""];
  const path = "GET /api/runs/Experiment/vision/search/trials";
  pageBackEnd({ ...ANSWERS, [path]: { columns: ["number", "state", ...names, "value", "uri"], rows: [row(0), row(1)], isComplete: true } }).show(<TrialsSection detail={SEARCH} version="1" />);
  await screen.findByRole("slider", { name: "Parallel coordinates" });
  expect(screen.getByText(/Without an axis, in the table alone: p0, p1, p2\./u)).toBeTruthy();
});

test("a column can be sorted by keyboard", async () => {
  pageBackEnd(ANSWERS).show(<TrialsSection detail={SEARCH} version="1" />);
  const table = await screen.findByRole("table", { name: "Trials" });
  within(table).getByRole("button", { name: "rate" }).focus();
  await userEvent.keyboard("{Enter}");
  const numbers = within(table)
    .getAllByRole("rowheader")
    .map((cell) => cell.textContent?.charAt(0));
  expect(numbers).toEqual(["1", "0", "2"]);
});

test("curves of a trial are fetched when it is chosen, and a trial without a TrainingJob has none", async () => {
  const server = pageBackEnd(ANSWERS);
  server.show(<TrialsSection detail={SEARCH} version="1" />);
  const box = await screen.findByRole("checkbox", { name: "Draw trial 1" });
  expect(screen.queryByRole("checkbox", { name: "Draw trial 2" })).toBeNull();
  expect(server.paths().some((path) => path.includes("/history"))).toBe(false);
  await userEvent.click(box);
  await waitFor(() => expect(screen.getByRole("region", { name: "val_accuracy" })).toBeTruthy());
});
