import { readFileSync } from "node:fs";
import { join } from "node:path";
import { act, screen, waitFor, within } from "@testing-library/react";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, expect, test } from "vitest";
import { detail, pageBackEnd, refusal, summary, type PageBackEnd } from "../../testing/pageBackEnd";
import { routeOf, useAddress } from "../../navigation";
import { Refused } from "../../testing/backEnd";
import type { Checked, SaveRequest, Session } from "../../wire";
import { read } from "./document";
import type { Draft } from "./draft";
import NewRunPage from "./NewRunPage";

const SESSION: Session = { user: "ada", expires: null, namespaces: ["vision", "team-b"], isProxied: false, storageEndpoints: [] };
const DIGITS = readFileSync(join(import.meta.dirname, "../../../../manifests/examples/digits.yaml"), "utf8");
const CHECKED: Checked = { problems: [], layers: [], parameters: 1234, isBuilt: true, problem: null };
const KEY = { kind: "TrainingJob", namespace: "vision", name: "digits" } as const;
const SAVED = { key: KEY, resourceVersion: "5", generation: 1, uid: "u", yaml: DIGITS, warnings: [] };

beforeEach(() => window.sessionStorage.clear());

function backEnd(changes: Record<string, unknown> = {}): PageBackEnd {
  return pageBackEnd({
    "GET /api/templates": { templates: [{ name: "digits", title: "Digits", description: "Trains in seconds.", yaml: DIGITS }] },
    "POST /api/check": CHECKED,
    "GET /api/storage": { secrets: ["minio-credentials"], endpoints: ["http://minio:9000"], defaultEndpoint: "http://minio:9000", buckets: null, created: [], isCut: false },
    "GET /api/buckets": { endpoint: "http://minio:9000", buckets: ["digits-data", "digits-results"] },
    "GET /api/capacity": { nodes: [], problem: null },
    "GET /api/catalogue": { modules: { "keras.losses": { classes: { MeanSquaredError: {}, Loss: { refused: "a base" } } } } },
    ...changes,
  }, [summary({ name: "older" }), summary({ name: "trial", experiment: "search" })]);
}

const page = (props: Partial<Parameters<typeof NewRunPage>[0]> = {}) => <NewRunPage namespace="vision" session={SESSION} run={null} template={null} {...props} />;

function yaml(): string {
  return screen.getByRole("group", { name: /\.yaml$/u }).textContent;
}

async function withTemplate(user: UserEvent): Promise<void> {
  await user.click(await screen.findByRole("button", { name: /Digits/u }));
  await waitFor(() => expect(yaml()).toContain("name: digits"));
}

/** Records the bodies of POST /api/jobs, and answers them in turn. */
function jobs(server: PageBackEnd, ...answers: unknown[]): SaveRequest[] {
  const sent: SaveRequest[] = [];
  server.answers["POST /api/jobs"] = (body: SaveRequest) => {
    sent.push(body);
    return answers[Math.min(sent.length, answers.length) - 1];
  };
  return sent;
}

test("a template becomes a draft of the namespace, is checked and started", async () => {
  const server = backEnd();
  const sent = jobs(server, SAVED);
  const user = userEvent.setup();
  server.show(page());
  await withTemplate(user);
  expect(yaml()).toContain("namespace: vision");
  expect(yaml()).toContain("# Trains in seconds");
  await screen.findByText("No problems found");
  expect(screen.getByText(/1,234 parameters/u)).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Start" }));
  await waitFor(() => expect(window.location.pathname).toBe("/runs/TrainingJob/vision/digits"));
  expect(sent).toHaveLength(1);
  expect(sent[0]).toMatchObject({ namespace: "vision", resourceVersion: null, dryRun: false });
  expect(read(sent[0]?.yaml ?? "")).toMatchObject({ job: { suspend: false } });
  expect(Object.keys(window.sessionStorage)).toEqual([]);
});

test("a dry run shows the refusal of a policy, and warnings when it is accepted", async () => {
  const server = backEnd();
  const sent = jobs(server, refusal(403, "RefusedByPolicy", "exceeded quota: gpus", "Ask an administrator."), { ...SAVED, resourceVersion: null, warnings: ["spec.image is deprecated"] });
  const user = userEvent.setup();
  server.show(page());
  await withTemplate(user);
  await user.click(screen.getByRole("button", { name: "Check with the cluster" }));
  expect((await screen.findByRole("alert")).textContent).toContain("exceeded quota: gpus");
  expect(document.activeElement).toBe(screen.getByRole("button", { name: "Check with the cluster" }));
  await user.click(screen.getByRole("button", { name: "Check with the cluster" }));
  expect(await screen.findByText(/The cluster accepts this run/u)).toBeTruthy();
  expect(screen.getByText("spec.image is deprecated")).toBeTruthy();
  expect(screen.queryByRole("alert")).toBeNull();
  expect(sent.map(({ dryRun }) => dryRun)).toEqual([true, true]);
});

test("the fields of the training change their lines of the YAML, and a reload keeps them", async () => {
  const server = backEnd();
  const user = userEvent.setup();
  const { unmount } = server.show(page());
  await withTemplate(user);
  await user.click(screen.getByRole("button", { name: /Training/u }));
  const epochs = screen.getByLabelText("Epochs");
  await user.clear(epochs);
  await user.type(epochs, "25");
  await user.clear(screen.getByLabelText("Learning rate"));
  await user.type(screen.getByLabelText("Learning rate"), "0.01");
  await user.clear(screen.getByLabelText("Loss"));
  await user.type(screen.getByLabelText("Loss"), "MeanSquaredError");
  await user.click(screen.getByRole("button", { name: "Remove the metric accuracy" }));
  await user.type(screen.getByLabelText("Metrics"), "mae{Enter}");
  await user.selectOptions(screen.getByLabelText("Precision"), "mixed_bfloat16");
  const expected = { epochs: 25, optimizer: { name: "Adam", learning_rate: 0.01 }, loss: "MeanSquaredError", metrics: ["mae"], precision: "mixed_bfloat16", seed: 7 };
  expect(read(yaml())).toMatchObject({ job: { training: expected } });
  expect([...document.querySelectorAll("option")].map((each) => each.value)).not.toContain("Loss");
  unmount();
  server.show(page());
  await waitFor(() => expect(read(yaml())).toMatchObject({ job: { training: expected } }));
});

test("problems of the check stand at their field, their step and in the panel", async () => {
  const server = backEnd({ "POST /api/check": { ...CHECKED, problems: [{ path: "spec.training.epochs", message: "must be at least 1", layer: null, line: null, isWarning: false }] } });
  const user = userEvent.setup();
  server.show(page());
  await withTemplate(user);
  const step = await screen.findByRole("button", { name: /Training.*Problem/u });
  await user.click(step);
  expect(screen.getByLabelText("Epochs").getAttribute("aria-invalid")).toBe("true");
  expect(screen.getByText("1 problem")).toBeTruthy();
  await user.click(step);
  await user.click(within(screen.getByRole("list", { name: "Steps with problems" })).getByRole("button", { name: "Training" }));
  expect(step.getAttribute("aria-expanded")).toBe("true");
  expect(document.activeElement).toBe(step);
});

test("a changed draft is replaced only after a question", async () => {
  const server = backEnd();
  const user = userEvent.setup();
  server.show(page());
  await user.click(await screen.findByRole("button", { name: /Results and name/u }));
  await user.type(screen.getByLabelText("Bucket for results"), "mine");
  await user.click(screen.getByRole("button", { name: /Digits/u }));
  await user.click(await screen.findByRole("button", { name: "Take only the network" }));
  expect(read(yaml())).toMatchObject({ name: "new-run", job: { results: { bucket: "mine" }, network: { input: { shape: [8, 8, 1] } }, training: { epochs: 8 } } });
});

test("the network of a stored run is taken over; trials are not offered", async () => {
  const server = backEnd({ "GET /api/runs/TrainingJob/vision/older": detail({ name: "older" }, { yaml: DIGITS.replace("filters: 16", "filters: 99") }) });
  const user = userEvent.setup();
  server.show(page());
  await user.click(await screen.findByRole("button", { name: "Stored run" }));
  expect(screen.queryByRole("button", { name: /^trial/u })).toBeNull();
  await user.click(screen.getByRole("button", { name: /^older/u }));
  await waitFor(() => expect(yaml()).toContain("filters: 99"));
});

test("edits made while a stored run is loading stay", async () => {
  let answer: (found: unknown) => void = () => undefined;
  const server = backEnd({ "GET /api/runs/TrainingJob/vision/older": () => new Promise((resolve) => (answer = resolve)) });
  const user = userEvent.setup();
  server.show(page());
  await user.click(await screen.findByRole("button", { name: "Stored run" }));
  await user.click(screen.getByRole("button", { name: /Results and name/u }));
  await user.click(screen.getByRole("button", { name: /^older/u }));
  await user.type(screen.getByLabelText("Bucket for results"), "mine");
  answer(detail({ name: "older" }, { yaml: DIGITS.replace("filters: 16", "filters: 99") }));
  await waitFor(() => expect(yaml()).toContain("filters: 99"));
  expect(read(yaml())).toMatchObject({ job: { results: { bucket: "mine" } } });
});

test("a stored run is changed in place, and a conflict shows both versions", async () => {
  const object = (epochs: number, version: string) => ({ metadata: { name: "digits", resourceVersion: version, generation: Number(version), uid: "u" }, spec: { training: { epochs } } });
  const stored = DIGITS.replace("name: digits", "name: digits\n  namespace: vision");
  const server = backEnd({ "GET /api/runs/TrainingJob/vision/digits": detail({ name: "digits", state: "Suspended" }, { yaml: stored, object: object(8, "3") }) });
  const conflict = new Refused(409, { reason: "Conflict", message: "changed", remedy: "", current: object(30, "4") });
  const sent = jobs(server, conflict, { ...SAVED, resourceVersion: "5" });
  const user = userEvent.setup();
  server.show(page({ run: KEY }));
  await user.click(await screen.findByRole("button", { name: /Training/u }));
  await user.clear(screen.getByLabelText("Epochs"));
  await user.type(screen.getByLabelText("Epochs"), "12");
  expect(screen.getByRole("link", { name: "Edit in the modeler" }).getAttribute("href")).toBe("/modeler?run=TrainingJob%2Fvision%2Fdigits");
  await user.click(screen.getByRole("button", { name: "Start" }));
  const row = await screen.findByRole("row", { name: /spec.training.epochs/u });
  expect(within(row).getAllByRole("cell").map((each) => each.textContent)).toEqual(["12", "30"]);
  await user.click(screen.getByRole("button", { name: "Start with mine" }));
  await waitFor(() => expect(window.location.pathname).toBe("/runs/TrainingJob/vision/digits"));
  expect(sent.map(({ resourceVersion, generation, uid }) => [resourceVersion, generation, uid])).toEqual([["3", 3, "u"], ["4", 4, "u"]]);
});

test("a change by kubectl of the stored run is told at once, and so is its deletion", async () => {
  const object = (epochs: number, generation: number) => ({ metadata: { name: "digits", resourceVersion: `${generation}`, generation, uid: "u" }, spec: { training: { epochs } } });
  const path = "GET /api/runs/TrainingJob/vision/digits";
  const server = backEnd({ [path]: detail({ name: "digits", state: "Suspended" }, { yaml: DIGITS.replace("name: digits", "name: digits\n  namespace: vision"), object: object(8, 3) }) });
  const live = (generation: number) => act(() => server.update({ isFirst: false, isComplete: false, changed: [summary({ name: "digits", uid: "u", generation, resourceVersion: `${generation}` })], removed: [] }));
  const sent = jobs(server, { ...SAVED, resourceVersion: "5" });
  const user = userEvent.setup();
  server.show(page({ run: KEY }));
  await screen.findByRole("button", { name: /Training/u });
  server.answers[path] = detail({ name: "digits" }, { object: object(30, 4) });
  live(4);
  await user.click(await screen.findByRole("button", { name: "Show both versions" }));
  const row = await screen.findByRole("row", { name: /spec.training.epochs/u });
  expect(row.textContent).toContain("30");
  await user.click(screen.getByRole("button", { name: "Go on editing" }));
  server.answers[path] = refusal(404, "NotFound", "There is no digits.");
  act(() => server.update({ isFirst: false, isComplete: false, changed: [], removed: [KEY] }));
  await user.click(await screen.findByRole("button", { name: "Keep it as a new run" }));
  await user.click(screen.getByRole("button", { name: "Save suspended" }));
  await waitFor(() => expect(sent.map(({ resourceVersion }) => resourceVersion)).toEqual([null]));
});

test("a run that has begun becomes a new one", async () => {
  const object = { metadata: { name: "digits", resourceVersion: "3" }, status: { startTime: "2026-01-01T00:00:00Z" } };
  const server = backEnd({ "GET /api/runs/TrainingJob/vision/digits": detail({ name: "digits" }, { yaml: DIGITS, object }) });
  const sent = jobs(server, SAVED);
  const user = userEvent.setup();
  server.show(page({ run: KEY }));
  expect(await screen.findByText(/digits has begun/u)).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Save suspended" }));
  await waitFor(() => expect(sent).toHaveLength(1));
  expect(sent[0]?.resourceVersion).toBeNull();
  expect(read(sent[0]?.yaml ?? "")).toMatchObject({ name: "digits-copy", namespace: "vision", job: { suspend: true } });
});

test("a waiting trial under another name is no trial of its Experiment", async () => {
  const trial = DIGITS.replace("name: digits", "name: digits\n  namespace: vision\n  labels: {epochal.dev/trial: search, team: vision}");
  const object = { metadata: { name: "digits", resourceVersion: "3", generation: 1, uid: "u" } };
  const server = backEnd({ "GET /api/runs/TrainingJob/vision/digits": detail({ name: "digits" }, { yaml: trial, object }) });
  const sent = jobs(server, SAVED, { ...SAVED, key: { ...KEY, name: "other" } });
  const user = userEvent.setup();
  server.show(page({ run: KEY }));
  await user.click(await screen.findByRole("button", { name: "Save suspended" }));
  await waitFor(() => expect(sent).toHaveLength(1));
  await user.click(screen.getByRole("button", { name: /Results and name/u }));
  await user.clear(screen.getByLabelText("Name of the run"));
  await user.type(screen.getByLabelText("Name of the run"), "other");
  await user.click(screen.getByRole("button", { name: "Save suspended" }));
  await waitFor(() => expect(sent).toHaveLength(2));
  expect(sent.map(({ resourceVersion, yaml: text }) => [resourceVersion, text.includes("epochal.dev/trial"), text.includes("team: vision")])).toEqual([["3", true, true], [null, false, true]]);
  await waitFor(() => expect(yaml()).not.toContain("epochal.dev/trial"));
});

test("text typed during a save stays, with a label of the cluster, and the page goes on under the address of the run", async () => {
  const server = backEnd();
  let answer: (saved: unknown) => void = () => undefined;
  server.answers["POST /api/jobs"] = () => new Promise((resolve) => (answer = resolve));
  const user = userEvent.setup();
  window.history.replaceState(null, "", "/new");
  const Routed = () => {
    const { pathname, search } = useAddress();
    const route = routeOf(pathname, search);
    return page({ run: route.page === "new-run" ? route.run : null });
  };
  server.show(<Routed />);
  await withTemplate(user);
  await user.click(screen.getByRole("button", { name: /Training/u }));
  const epochs = screen.getByLabelText("Epochs");
  await user.clear(epochs);
  await user.type(epochs, "2");
  await user.click(screen.getByRole("button", { name: "Save suspended" }));
  await user.type(epochs, "5");
  // A webhook has added a label.
  answer({ ...SAVED, yaml: DIGITS.replace("name: digits", 'name: digits\n  labels: {cost-centre: "7"}') });
  await waitFor(() => expect(window.location.search).toContain("digits"));
  expect(yaml()).toContain('cost-centre: "7"');
  expect(screen.getByLabelText("Epochs")).toBe(epochs);
  expect(read(yaml())).toMatchObject({ job: { training: { epochs: 25 } } });
  const kept = JSON.parse(window.sessionStorage.getItem("studio:new-run:ada:TrainingJob/vision/digits") ?? "{}") as Draft;
  expect(kept).toMatchObject({ isEdited: true, stored: { resourceVersion: "5" } });
  expect(read(kept.text)).toMatchObject({ job: { training: { epochs: 25 } } });
  expect(window.sessionStorage.getItem("studio:new-run:ada:")).toBeNull();
});

test("the answer to a start does not lead back a user who has left the page", async () => {
  const server = backEnd();
  let answer: (saved: unknown) => void = () => undefined;
  server.answers["POST /api/jobs"] = () => new Promise((resolve) => (answer = resolve));
  const user = userEvent.setup();
  const { unmount } = server.show(page());
  await withTemplate(user);
  await user.click(screen.getByRole("button", { name: "Start" }));
  unmount();
  window.history.replaceState(null, "", "/runs");
  answer(SAVED);
  await waitFor(() => expect(Object.keys(window.sessionStorage)).toEqual([]));
  expect(window.location.pathname).toBe("/runs");
});

test("changes made before the run began become a new run", async () => {
  const version = { resourceVersion: "3", generation: 1, uid: "u" };
  const draft: Draft = { text: DIGITS.replace("epochs: 8", "epochs: 77"), isEdited: true, stored: { key: KEY, ...version, object: {} }, earlierSearch: null };
  window.sessionStorage.setItem("studio:new-run:ada:TrainingJob/vision/digits", JSON.stringify(draft));
  const object = { metadata: { name: "digits", ...version }, status: { startTime: "2026-01-01T00:00:00Z" } };
  const server = backEnd({ "GET /api/runs/TrainingJob/vision/digits": detail({ name: "digits" }, { yaml: DIGITS, object }) });
  server.show(page({ run: KEY }));
  expect(await screen.findByText(/digits has begun/u)).toBeTruthy();
  expect(read(yaml())).toMatchObject({ name: "digits-copy", job: { training: { epochs: 77 } } });
});

test("a search makes an Experiment, with parameters from the network", async () => {
  const server = backEnd();
  const user = userEvent.setup();
  server.show(page());
  await withTemplate(user);
  await user.click(screen.getByRole("button", { name: /^Search/u }));
  await user.click(screen.getByRole("button", { name: "Search" }));
  await user.selectOptions(screen.getByLabelText("Add a parameter"), "network.layers[1].filters");
  await user.click(within(screen.getByLabelText("Add a parameter").closest(".add-parameter") as HTMLElement).getByRole("button", { name: "Add" }));
  await user.clear(screen.getByLabelText("Trials"));
  await user.type(screen.getByLabelText("Trials"), "30");
  expect(read(yaml())).toMatchObject({
    kind: "Experiment",
    search: { maxTrials: 30, objective: { metric: "val_accuracy", goal: "Maximize" }, parameters: [{ name: "Conv2D_filters_1", int: { min: 8, max: 32, step: 8 } }] },
  });
  await user.click(screen.getByRole("button", { name: "One training" }));
  expect(read(yaml())).toMatchObject({ kind: "TrainingJob", search: null });
});

test("the template of the address begins the draft once", async () => {
  window.history.replaceState(null, "", "/new?namespace=vision&template=digits");
  backEnd().show(page({ template: "digits" }));
  await waitFor(() => expect(yaml()).toContain("name: digits"));
  expect(window.location.search).toBe("?namespace=vision");
});

test("without a namespace the page asks for one", () => {
  backEnd().show(page({ namespace: "*" }));
  expect(screen.getByRole("button", { name: "team-b" })).toBeTruthy();
});

test("a refused run of the address can be tried again", async () => {
  const server = backEnd({ "GET /api/runs/TrainingJob/vision/digits": refusal(404, "NotFound", "digits does not exist.") });
  const user = userEvent.setup();
  server.show(page({ run: KEY }));
  expect((await screen.findByRole("alert")).textContent).toContain("does not exist");
  server.answers["GET /api/runs/TrainingJob/vision/digits"] = detail({ name: "digits" }, { yaml: DIGITS, object: { metadata: { resourceVersion: "1" } } });
  await user.click(screen.getByRole("button", { name: "Try again" }));
  await waitFor(() => expect(yaml()).toContain("name: digits"));
});

test("a check that fails is shown, and the page goes on", async () => {
  const server = backEnd({ "POST /api/check": refusal(503, "Unreachable", "The checker does not answer.") });
  server.show(page());
  expect(await screen.findByText("The checker does not answer.")).toBeTruthy();
  expect(screen.getByText("The run is not checked")).toBeTruthy();
  expect(screen.getByRole("button", { name: "Download" })).toBeTruthy();
});
