import { act, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { detail, pageBackEnd, refusal, summary } from "../../testing/pageBackEnd";
import RunPage from "./RunPage";

const RUN = { kind: "TrainingJob", namespace: "vision", name: "mnist" } as const;
const PATH = "/api/runs/TrainingJob/vision/mnist";
const HISTORY = { curves: [], epochs: 0, isThinned: false, omittedMetrics: 0, source: "none", problem: null };

test("the head has state, cause and remedy", async () => {
  const reason = "Unschedulable: 0/3 nodes have a free GPU";
  const message = "0/3 nodes have a free GPU. Wait, request less, or add a node.";
  const object = { status: { conditions: [{ type: "Ready", status: "True", reason: "Unschedulable", message }] } };
  const server = pageBackEnd({
    [`GET ${PATH}`]: detail({ state: "Queued", reason }, { object }),
    [`GET ${PATH}/history`]: HISTORY,
  });
  server.show(<RunPage run={RUN} />);
  expect(await screen.findByText(message)).toBeTruthy();
  expect(screen.getByText("Queued")).toBeTruthy();
  expect(screen.getByText("Unschedulable")).toBeTruthy();
});

test("only the visible section requests its data", async () => {
  window.history.replaceState(null, "", "/runs/TrainingJob/vision/mnist?section=yaml");
  const server = pageBackEnd({
    [`GET ${PATH}`]: detail(),
    [`GET ${PATH}/files`]: { uri: "s3://results/", files: [], isComplete: true },
  });
  server.show(<RunPage run={RUN} />);
  expect((await screen.findByRole("group", { name: "mnist.yaml" })).textContent).toBe("kind: TrainingJob\n");
  expect(server.paths().filter((path) => path !== PATH)).toEqual([]);
  await userEvent.click(within(screen.getByRole("navigation", { name: "Sections" })).getByText("Files"));
  await screen.findByText("No files are stored yet.");
  expect(server.paths().filter((path) => path !== PATH)).toEqual([`${PATH}/files`]);
});

test("an error of a part appears in that part, with cause and remedy, and can be tried again", async () => {
  window.history.replaceState(null, "", "/runs/TrainingJob/vision/mnist?section=files");
  const server = pageBackEnd({
    [`GET ${PATH}`]: detail(),
    [`GET ${PATH}/files`]: refusal(
      403,
      "Forbidden",
      "You may not read the Secret minio-credentials.",
      "Ask for the role edit.",
    ),
  });
  server.show(<RunPage run={RUN} />);
  await screen.findByText(/You may not read the Secret/u);
  expect(screen.getByText("Ask for the role edit.")).toBeTruthy();
  expect(screen.getByRole("heading", { name: "mnist" })).toBeTruthy();
  server.answers[`GET ${PATH}/files`] = {
    uri: "s3://results/",
    files: [{ path: "model.keras", size: 1234, description: "model of the last epoch" }],
    isComplete: true,
  };
  await userEvent.click(screen.getByRole("button", { name: "Try again" }));
  const link = await screen.findByRole("link", { name: "model.keras" });
  expect(link.getAttribute("href")).toBe(`${PATH}/files/model.keras`);
  expect(screen.getByText("1.2 kB")).toBeTruthy();
});

test("a deleted run says so, and keeps its last state", async () => {
  const server = pageBackEnd({ [`GET ${PATH}`]: detail(), [`GET ${PATH}/history`]: HISTORY }, [summary()]);
  server.show(<RunPage run={RUN} />);
  await screen.findByRole("heading", { name: "mnist" });
  await act(async () => {
    await new Promise((resolve) => setTimeout(resolve, 200));
  });
  server.answers[`GET ${PATH}`] = refusal(404, "NotFound", "mnist does not exist.");
  act(() => server.update({ isFirst: false, isComplete: false, changed: [], removed: [RUN] }));
  await screen.findByText(/This run was deleted/u);
  expect(screen.getByText("Deleted")).toBeTruthy();
  expect(screen.getByRole("navigation", { name: "Sections" })).toBeTruthy();
});

test("a run that leaves the list but still exists is not called deleted", async () => {
  const server = pageBackEnd({ [`GET ${PATH}`]: detail(), [`GET ${PATH}/history`]: HISTORY }, [summary()]);
  server.show(<RunPage run={RUN} />);
  await screen.findByRole("heading", { name: "mnist" });
  const requests = () => server.paths().filter((path) => path === PATH).length;
  await waitFor(() => expect(requests()).toBe(2));
  act(() => server.update({ isFirst: false, isComplete: false, changed: [], removed: [RUN] }));
  await waitFor(() => expect(requests()).toBe(3));
  await screen.findByText("Running");
  expect(screen.queryByText(/This run was deleted/u)).toBeNull();
});

test("a run that does not exist has the cause of the back end", async () => {
  const server = pageBackEnd({
    [`GET ${PATH}`]: refusal(404, "NotFound", "mnist does not exist.", "Show the list of runs."),
  });
  server.show(<RunPage run={RUN} />);
  await screen.findByText(/mnist does not exist/u);
  expect(screen.getByText("Show the list of runs.")).toBeTruthy();
});

test("a lost connection keeps the last data", async () => {
  const server = pageBackEnd({ [`GET ${PATH}`]: detail(), [`GET ${PATH}/history`]: HISTORY }, [summary()]);
  server.show(<RunPage run={RUN} />);
  await screen.findByText("Running");
  server.answers[`GET ${PATH}`] = () => {
    throw new TypeError("network");
  };
  act(() =>
    server.update({ isFirst: false, isComplete: false, changed: [summary({ resourceVersion: "2", percent: 40 })], removed: [] }),
  );
  await screen.findByText(/cannot refresh this page/u);
  expect(screen.getByText("Running")).toBeTruthy();
  await waitFor(() => expect(screen.getByRole("progressbar").getAttribute("aria-valuenow")).toBe("40"));
});

test("texts of users are no HTML", async () => {
  window.history.replaceState(null, "", "/runs/TrainingJob/vision/mnist?section=events");
  const message = "<img src=x onerror=alert(1)>";
  const entry = { time: "2026-01-01T12:00:00Z", type: "Warning", reason: "<b>Bad</b>", message, count: 3 };
  const server = pageBackEnd({ [`GET ${PATH}`]: detail({}, { entries: [entry] }) });
  const { container } = server.show(<RunPage run={RUN} />);
  await screen.findByText(message);
  expect(screen.getByText("<b>Bad</b>")).toBeTruthy();
  expect(container.querySelector("img, b")).toBeNull();
});

test("Deploy checks the name, creates the ModelServer and leads to its page", async () => {
  const server = pageBackEnd({
    [`GET ${PATH}`]: detail({ state: "Complete", hasModel: true }, { permissions: ["deploy"] }),
    [`GET ${PATH}/history`]: HISTORY,
    [`POST ${PATH}/deployment`]: { kind: "ModelServer", namespace: "vision", name: "digits" },
  });
  server.show(<RunPage run={RUN} />);
  await userEvent.click(await screen.findByRole("button", { name: "Deploy" }));
  const dialog = await screen.findByRole("dialog");
  const field = within(dialog).getByLabelText("Name of the ModelServer");
  await userEvent.clear(field);
  await userEvent.type(field, "Digits{Enter}");
  expect(within(dialog).getByText(/Use small letters/u)).toBeTruthy();
  expect(server.paths()).not.toContain(`${PATH}/deployment`);
  await userEvent.selectOptions(within(dialog).getByLabelText("It takes"), "Photographs");
  await userEvent.clear(field);
  await userEvent.type(field, "digits{Enter}");
  await waitFor(() => expect(server.bodies(`${PATH}/deployment`)).toEqual([{ name: "digits", images: "Resize" }]));
  await waitFor(() => expect(window.location.pathname).toBe("/runs/ModelServer/vision/digits"));
});

test("without the right to deploy there is no Deploy", async () => {
  const server = pageBackEnd({ [`GET ${PATH}`]: detail({ hasModel: true }), [`GET ${PATH}/history`]: HISTORY });
  server.show(<RunPage run={RUN} />);
  await screen.findByText("Running");
  expect(screen.queryByRole("button", { name: "Deploy" })).toBeNull();
});

test("a run that is saved for later leads to its form, and one that has begun does not", async () => {
  const saved = detail({ state: "Suspended" }, { permissions: ["resume"] });
  const server = pageBackEnd({ [`GET ${PATH}`]: saved, [`GET ${PATH}/history`]: HISTORY });
  const { unmount } = server.show(<RunPage run={RUN} />);
  expect((await screen.findByRole("link", { name: "Edit in the modeler" })).getAttribute("href")).toBe("/modeler?run=TrainingJob%2Fvision%2Fmnist");
  expect((await screen.findByRole("link", { name: "Edit and start" })).getAttribute("href")).toBe("/new?run=TrainingJob%2Fvision%2Fmnist");
  unmount();
  server.answers[`GET ${PATH}`] = { ...saved, object: { status: { startTime: "2026-01-01T00:00:00Z" } } };
  server.show(<RunPage run={RUN} />);
  await screen.findByRole("heading", { name: "mnist" });
  await screen.findByRole("button", { name: "Actions" });
  expect(screen.queryByRole("link", { name: "Edit and start" })).toBeNull();
  expect(screen.queryByRole("link", { name: "Edit in the modeler" })).toBeNull();
});
