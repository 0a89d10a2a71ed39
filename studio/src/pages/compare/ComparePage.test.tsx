import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { pageBackEnd, refusal } from "../../testing/pageBackEnd";
import type { Comparison, RunKey } from "../../wire";
import ComparePage from "./ComparePage";

const run = (name: string): RunKey => ({ kind: "TrainingJob", namespace: "vision", name });
const runs = (count: number) => Array.from({ length: count }, (_, index) => run(`run-${index}`));
const comparison = (keys: readonly RunKey[]): Comparison => ({
  fields: ["training.batchSize"],
  figures: ["best epoch", "best val_loss"],
  omittedFields: 0,
  runs: keys.map((key, index) => ({
    key,
    state: "Complete",
    isBest: index === 1,
    fields: { "training.batchSize": index === 0 ? null : "64" },
    figures: { "best epoch": "3", "best val_loss": String(0.1 * index) },
  })),
});
const HISTORY = {
  curves: [{ name: "loss", epochs: [1, 2], values: [2, 1] }],
  epochs: 2,
  isThinned: false,
  omittedMetrics: 0,
  source: "bucket",
  problem: null,
};

test("few runs have a column each, with the best one in words", async () => {
  const keys = runs(2);
  const server = pageBackEnd({
    "GET /api/compare": comparison(keys),
    "GET /api/runs/TrainingJob/vision/run-0/history": HISTORY,
    "GET /api/runs/TrainingJob/vision/run-1/history": HISTORY,
  });
  server.show(<ComparePage runs={keys} />);
  const table = await screen.findByRole("table", { name: "Figures of the results" });
  expect(within(table).getByRole("columnheader", { name: /run-1.*best/u })).toBeTruthy();
  const row = within(table).getByRole("row", { name: /best val_loss/u });
  expect(within(row).getByRole("cell", { name: "0.1 best" })).toBeTruthy();
  const fields = await screen.findByRole("table", { name: "Differing fields of the specs" });
  expect(within(fields).getByRole("cell", { name: "–" })).toBeTruthy();
});

test("curves are overlaid, and the legend hides a line by keyboard", async () => {
  const keys = runs(2);
  const server = pageBackEnd({
    "GET /api/compare": comparison(keys),
    "GET /api/runs/TrainingJob/vision/run-0/history": HISTORY,
    "GET /api/runs/TrainingJob/vision/run-1/history": HISTORY,
  });
  server.show(<ComparePage runs={keys} />);
  const chart = await screen.findByRole("region", { name: "loss" });
  const line = within(chart).getByRole("button", { name: "run-0", pressed: true });
  line.focus();
  await userEvent.keyboard("{Enter}");
  expect(within(chart).getByRole("button", { name: "run-0", pressed: false })).toBeTruthy();
});

test("of many runs none is drawn, and at most twelve can be chosen", async () => {
  const keys = runs(14);
  const server = pageBackEnd({ "GET /api/compare": comparison(keys) });
  server.show(<ComparePage runs={keys} />);
  const table = await screen.findByRole("table", { name: "Compared runs" });
  expect(server.paths().filter((path) => path.includes("/history"))).toEqual([]);
  const boxes = within(table).getAllByRole<HTMLInputElement>("checkbox");
  for (const box of boxes.slice(0, 12)) await userEvent.click(box);
  expect(boxes[12]?.disabled).toBe(true);
  expect(boxes[0]?.disabled).toBe(false);
  await waitFor(() => expect(new Set(server.paths().filter((path) => path.includes("/history"))).size).toBe(12));
});

test("a run that was deleted can be left out", async () => {
  const keys = runs(2);
  const server = pageBackEnd({ "GET /api/compare": refusal(404, "NotFound", "TrainingJob run-0 does not exist.") });
  server.show(<ComparePage runs={keys} />);
  await screen.findByText(/run-0 does not exist/u);
  await userEvent.click(screen.getByRole("button", { name: "Remove run-0" }));
  expect(window.location.search).toBe("?run=TrainingJob%2Fvision%2Frun-1");
});

test("more runs than a comparison may have are refused before a request", async () => {
  const server = pageBackEnd({});
  server.show(<ComparePage runs={runs(201)} />);
  await screen.findByText(/201 runs/u, { selector: ".problem p" });
  expect(server.paths()).toEqual([]);
});

test("without runs the page leads to the list", () => {
  pageBackEnd({}).show(<ComparePage runs={[]} />);
  expect(screen.getByRole("link", { name: "the list of runs" }).getAttribute("href")).toBe("/");
});
