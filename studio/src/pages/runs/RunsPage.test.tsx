import { act, render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";
import { fakeRim, type FakeChannel } from "../../testing/backEnd";
import { makeRun } from "../../testing/runs";
import { RunsProvider } from "../../stream/RunsProvider";
import type { RunSummary } from "../../wire";
import RunsPage from "./RunsPage";

beforeEach(() => {
  // happy-dom has no layout: without a height the list would mount no row.
  vi.stubGlobal("innerHeight", 900);
});

function opened(runs: readonly RunSummary[], namespace: string | null = "team-a") {
  const { rim, channels } = fakeRim();
  const page = (
    <RunsProvider namespace={namespace} isActive rim={rim}>
      <RunsPage namespace={namespace} />
    </RunsProvider>
  );
  const view = render(page);
  const channel = channels.at(-1) as FakeChannel;
  if (channel) act(() => channel.send("runs", { isFirst: true, isComplete: true, changed: runs, removed: [] }));
  return { ...view, channel, user: userEvent.setup() };
}

function rows(): string[] {
  return screen.getAllByRole("row").flatMap((row) => within(row).queryAllByRole("link")).map((link) => link.textContent);
}

test("runs are shown in groups, with state, progress and metric", () => {
  opened([
    makeRun({ percent: 62, epoch: 25, epochs: 40, metrics: [{ name: "val_loss", value: 0.03681 }] }),
    makeRun({ name: "flowers", state: "Failed", reason: "OutOfMemory" }),
  ]);
  expect(rows()).toEqual(["mnist", "flowers"]);
  const row = screen.getByText("mnist").closest('[role="row"]')?.textContent;
  for (const text of ["Running", "62 %", "25/40", "0.03681", "val_loss"]) expect(row).toContain(text);
  expect(screen.getByText("OutOfMemory")).toBeTruthy();
});

test("a filter hides other runs, and can be cleared", async () => {
  const { user } = opened([makeRun(), makeRun({ name: "flowers" })]);
  const filter = screen.getByRole("searchbox");
  await user.type(filter, "flow");
  expect(rows()).toEqual(["flowers"]);
  await user.type(filter, "xyz");
  await user.click(screen.getByRole("button", { name: "Clear the filter" }));
  expect(rows()).toHaveLength(2);
  expect(document.activeElement).toBe(filter);
});

test("the address has the filter when another page is opened, and a new list begins with it", async () => {
  const { user, unmount } = opened([makeRun(), makeRun({ name: "flowers" })]);
  await user.type(screen.getByRole("searchbox"), "flow{Tab}");
  expect(window.location.search).toBe("?filter=flow");
  unmount();
  opened([makeRun(), makeRun({ name: "flowers" })]);
  expect(rows()).toEqual(["flowers"]);
});

test("an Experiment opens its trials, and servers stand apart", async () => {
  const { user } = opened([
    makeRun({ kind: "Experiment", name: "search" }), makeRun({ name: "search-0", experiment: "search" }), makeRun({ kind: "ModelServer", name: "digits", state: "Ready" }),
  ]);
  expect(rows()).toEqual(["search"]);
  await user.click(screen.getByRole("button", { name: "1 trial of search" }));
  expect(rows()).toEqual(["search", "search-0"]);
  await user.click(screen.getByRole("button", { name: /ModelServers/u }));
  expect(rows()).toEqual(["digits"]);
});

test("keys move, select and open", async () => {
  const { user } = opened([makeRun({ name: "a" }), makeRun({ name: "b" })]);
  screen.getAllByRole("row")[1]?.focus();
  await user.keyboard("{ArrowDown} {ArrowDown} ");
  expect(screen.getByText("2 runs selected")).toBeTruthy();
  expect(screen.getByRole("link", { name: "Compare" }).getAttribute("href")).toContain("run=TrainingJob%2Fteam-a%2Fa");
  await user.keyboard("{Enter}");
  expect(window.location.pathname).toBe("/runs/TrainingJob/team-a/b");
});

test("an update draws the changed row alone", () => {
  const { channel } = opened([makeRun({ name: "a" }), makeRun({ name: "b" })]);
  const before = screen.getByText("b").closest('[role="row"]')?.innerHTML;
  vi.useFakeTimers();
  channel.send("runs", { isFirst: false, isComplete: false, changed: [makeRun({ name: "a", percent: 50, resourceVersion: "2" })], removed: [] });
  act(() => vi.advanceTimersByTime(200));
  expect(screen.getByText("50 %")).toBeTruthy();
  expect(screen.getByText("b").closest('[role="row"]')?.innerHTML).toBe(before);
});

test("an empty namespace shows the way from a storage to a model", () => {
  opened([]);
  expect(screen.getByRole("heading", { name: "No runs yet in team-a" })).toBeTruthy();
  const links = within(screen.getByRole("region")).getAllByRole("link");
  expect(links.map((link) => [link.textContent, link.getAttribute("href")])).toEqual([
    ["Connect a storage", "/storage?namespace=team-a"],
    ["New run", "/new?namespace=team-a"],
    ["Draw a network", "/modeler?namespace=team-a"],
    ["Show the models", "/models?namespace=team-a"],
  ]);
});

test("a user without rights does not read of first steps", () => {
  const { channel } = opened([]);
  const problem = { reason: "Forbidden", message: "You may not list TrainingJobs.", remedy: "", current: null };
  act(() => channel.send("connection", { isConnected: true, kinds: [], problem }));
  expect(screen.getByText(/may not list the runs here/u)).toBeTruthy();
});

test("a user who may not list namespaces types one", async () => {
  const { user } = opened([], null);
  await user.type(screen.getByLabelText("Namespace"), "Team{Enter}");
  expect(screen.getByRole("alert").textContent).toContain("no name of a namespace");
  await user.clear(screen.getByLabelText("Namespace"));
  await user.type(screen.getByLabelText("Namespace"), "team-b{Enter}");
  expect(window.location.search).toBe("?namespace=team-b");
});
