import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";
import { fakeFetch, Refused } from "../../testing/backEnd";
import { makeRun } from "../../testing/runs";
import { Notices } from "../announcements";
import { RunActions } from "./RunActions";

const RUN = makeRun();
const PATH = "/api/runs/TrainingJob/team-a/mnist";
const DETAIL = {
  summary: RUN, object: { metadata: { generation: 1 }, spec: { suspend: false }, status: { results: { uri: "s3://results/mnist" } } },
  yaml: "", permissions: ["suspend", "clone", "delete"], entries: [], timeline: [], layers: [],
};
const onClose = vi.fn();

beforeEach(() => {
  onClose.mockClear();
  if (!("showModal" in HTMLDialogElement.prototype)) Object.assign(HTMLDialogElement.prototype, { showModal: () => undefined });
});

function open() {
  const anchor = document.body.appendChild(document.createElement("button"));
  render(<RunActions run={RUN} anchor={anchor} onClose={onClose} />);
  return userEvent.setup();
}

test("the menu has the permitted actions alone", async () => {
  fakeFetch({ [`GET ${PATH}`]: { ...DETAIL, permissions: ["delete"] } });
  open();
  expect(await screen.findByRole("button", { name: "Delete…" })).toBeTruthy();
  expect(screen.queryByRole("button", { name: "Suspend" })).toBeNull();
});

test("a user without rights reads so", async () => {
  fakeFetch({ [`GET ${PATH}`]: { ...DETAIL, permissions: [] } });
  open();
  expect(await screen.findByText(/may read this object, but not change it/u)).toBeTruthy();
});

test("an action sends the version that the user has seen", async () => {
  const sent = fakeFetch({ [`GET ${PATH}`]: DETAIL, [`POST ${PATH}/actions`]: DETAIL });
  const user = open();
  await user.click(await screen.findByRole("button", { name: "Suspend" }));
  await waitFor(() => expect(onClose).toHaveBeenCalled());
  expect(sent.at(-1)?.body).toEqual({ action: "suspend", resourceVersion: "1", generation: 1, uid: "uid-mnist" });
});

test("a conflict shows both versions, and the user's decision names the stored one", async () => {
  const current = { metadata: { resourceVersion: "9", generation: 2, uid: "uid-2" }, spec: { suspend: false, activeDeadlineSeconds: 60 } };
  const conflict = new Refused(409, { reason: "Conflict", message: "mnist has changed.", remedy: "", current });
  let isFirst = true;
  const sent = fakeFetch({
    [`GET ${PATH}`]: DETAIL,
    [`POST ${PATH}/actions`]: () => {
      const answer = isFirst ? conflict : DETAIL;
      isFirst = false;
      return answer;
    },
  });
  const user = open();
  await user.click(await screen.findByRole("button", { name: "Suspend" }));
  expect(await screen.findByText("spec.activeDeadlineSeconds")).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Suspend the current version", hidden: true }));
  await waitFor(() => expect(onClose).toHaveBeenCalled());
  expect(sent.at(-1)?.body).toEqual({ action: "suspend", resourceVersion: "9", generation: 2, uid: "uid-2" });
});

test("an error after the decision is shown, and gone at the next try", async () => {
  const current = { metadata: { resourceVersion: "9", generation: 2 }, spec: { suspend: true } };
  const answers: unknown[] = [
    new Refused(409, { reason: "Conflict", message: "mnist has changed.", remedy: "", current }),
    new Refused(403, { reason: "Forbidden", message: "You may not change mnist.", remedy: "Ask for the role edit.", current: null }),
    new Promise(() => undefined),
  ];
  fakeFetch({ [`GET ${PATH}`]: DETAIL, [`POST ${PATH}/actions`]: () => answers.shift() });
  const user = open();
  await user.click(await screen.findByRole("button", { name: "Suspend" }));
  const confirm = await screen.findByRole("button", { name: "Suspend the current version", hidden: true });
  await user.click(confirm);
  expect(await screen.findByText("Ask for the role edit.")).toBeTruthy();
  await user.click(confirm);
  expect(screen.queryByText("Ask for the role edit.")).toBeNull();
});

test("a deletion asks, names the results that stay, and names the object's uid", async () => {
  const sent = fakeFetch({ [`GET ${PATH}`]: DETAIL });
  const user = open();
  await user.click(await screen.findByRole("button", { name: "Delete…" }));
  expect(screen.getByText(/s3:\/\/results\/mnist stay in the bucket/u)).toBeTruthy();
  expect(sent).toHaveLength(1);
  await user.click(screen.getByRole("button", { name: "Delete", hidden: true }));
  await waitFor(() => expect(onClose).toHaveBeenCalled());
  expect(sent.at(-1)).toMatchObject({ method: "DELETE", path: `${PATH}?uid=uid-mnist` });
});

test("a refused copy keeps the dialog with cause and remedy", async () => {
  const refusal = new Refused(409, { reason: "NameConflict", message: "There is a TrainingJob mnist-copy.", remedy: "Choose another name.", current: null });
  fakeFetch({ [`GET ${PATH}`]: DETAIL, [`POST ${PATH}/clone`]: refusal });
  const user = open();
  await user.click(await screen.findByRole("button", { name: "Clone…" }));
  await user.click(screen.getByRole("button", { name: "Clone", hidden: true }));
  expect(await screen.findByText("Choose another name.")).toBeTruthy();
});

test.each([
  ["TrainingJob", "mnist-copy is created, and waits until you resume it."],
  ["ModelServer", "mnist-copy is created."],
] as const)("the notice of a cloned %s says whether it waits", async (kind, notice) => {
  const run = makeRun({ kind });
  const path = `/api/runs/${kind}/team-a/mnist`;
  fakeFetch({
    [`GET ${path}`]: { ...DETAIL, summary: run },
    [`POST ${path}/clone`]: { kind, namespace: "team-a", name: "mnist-copy" },
  });
  const anchor = document.body.appendChild(document.createElement("button"));
  render(<RunActions run={run} anchor={anchor} onClose={onClose} />);
  render(<Notices />);
  const user = userEvent.setup();
  await user.click(await screen.findByRole("button", { name: "Clone…" }));
  await user.click(screen.getByRole("button", { name: "Clone", hidden: true }));
  expect(await screen.findByText(notice)).toBeTruthy();
});
