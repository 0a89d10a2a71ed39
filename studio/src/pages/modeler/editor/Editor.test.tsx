import { act, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";
import { Notices } from "../../../parts/announcements";
import { fakeFetch, fakeRim, Refused, type SentRequest } from "../../../testing/backEnd";
import { refusal, detail, summary } from "../../../testing/pageBackEnd";
import { RunsProvider } from "../../../stream/RunsProvider";
import { DraftStore } from "../../../modeler/drafts";
import type { Checked, DocumentProblem, RunsUpdate } from "../../../wire";
import type { Origin } from "../origin";
import { PAUSE } from "../form/pending";
import { CATALOGUE } from "../testing";
import { Editor } from "./Editor";

const TEXT = `# My network
apiVersion: epochal.dev/v1alpha1
kind: TrainingJob
metadata:
  name: digits
spec:
  network:
    input: {shape: [8, 8, 1]}
    layers:
    - {layer: Conv2D, filters: 8, kernel_size: 3}   # sees edges
    - {layer: Dense, units: 10}
  training:
    loss: SparseCategoricalCrossentropy
`;
const RUN = { kind: "TrainingJob", namespace: "vision", name: "digits" } as const;
const CHECKED: Checked = { problems: [], layers: [], parameters: 1234, isBuilt: true, problem: null };
const SAVED = { key: RUN, resourceVersion: "8", yaml: TEXT, warnings: [] };

const onSaved = vi.fn();
const onReopen = vi.fn();

beforeEach(() => {
  window.localStorage.clear();
  onSaved.mockClear();
  if (!("showModal" in HTMLDialogElement.prototype)) Object.assign(HTMLDialogElement.prototype, { showModal: () => undefined });
});

function missing(path: string, message: string, layer: number | null = null): DocumentProblem {
  return { path, message, layer, line: null, isWarning: false };
}

interface Shown {
  user: ReturnType<typeof userEvent.setup>;
  sent: SentRequest[];
  answers: Record<string, unknown>;
  drafts: DraftStore;
  /** Sends an update of the stream. */
  update: (update: RunsUpdate) => void;
}

function show(changes: Partial<Origin> = {}, answers: Record<string, unknown> = {}, namespace: string | null = "vision"): Shown {
  const known: Record<string, unknown> = { "POST /api/check": CHECKED, "POST /api/jobs": SAVED, ...answers };
  const sent = fakeFetch(known);
  const drafts = new DraftStore("ada", window.localStorage);
  const origin: Origin = { text: TEXT, run: undefined, storedText: changes.run ? TEXT : null, draft: { namespace: "vision", name: "digits" }, ...changes };
  const { rim, channels } = fakeRim();
  render(
    <RunsProvider namespace="vision" isActive rim={rim}>
      <Editor origin={origin} namespace={namespace} namespaces={["vision", "speech"]} drafts={drafts} catalogue={CATALOGUE} onSaved={onSaved} onReopen={onReopen} />
      <Notices />
    </RunsProvider>,
  );
  return { user: userEvent.setup(), sent, answers: known, drafts, update: (update) => act(() => channels.at(-1)?.send("runs", update)) };
}

function lastJob(sent: readonly SentRequest[]): Record<string, unknown> {
  return sent.findLast(({ path }) => path === "/api/jobs")?.body as Record<string, unknown>;
}

async function save({ user }: Shown): Promise<void> {
  await user.click(screen.getByRole("button", { name: "Save" }));
}

test("a layer is added by keys, undone, and added again", async () => {
  const { user, sent } = show();
  await user.type(screen.getByRole("combobox", { name: "Search layers" }), "max{Enter}");
  expect(await screen.findByRole("button", { name: /^Undo: add MaxPooling2D/u })).toBeTruthy();
  await user.click(screen.getByRole("button", { name: /^Undo/u }));
  expect(screen.getByRole("button", { name: "Undo" }).getAttribute("aria-disabled")).toBe("true");
  await user.click(screen.getByRole("button", { name: /^Redo/u }));
  await waitFor(() => expect(JSON.stringify(sent.at(-1)?.body)).toContain("MaxPooling2D"));
});

test("a problem leads to the field of its layer", async () => {
  const { user } = show({}, { "POST /api/check": { ...CHECKED, problems: [missing("spec.network.layers[1].units", "must be at least 1", 1)] } });
  await user.click(await screen.findByRole("button", { name: /must be at least 1/u }));
  await waitFor(() => expect(document.activeElement).toBe(screen.getByLabelText("units")));
  expect(screen.getByLabelText("units").getAttribute("aria-invalid")).toBe("true");
});

test("the problem of a removed layer is not shown at the next one while the check goes on", async () => {
  const few = missing("spec.network.layers[0].filters", "few", 0);
  const shown = show({}, { "POST /api/check": { ...CHECKED, problems: [few, missing("spec.network.layers[1].units", "must be at least 1", 1)] } });
  await shown.user.click(await screen.findByRole("button", { name: /few/u }));
  shown.answers["POST /api/check"] = () => new Promise(() => undefined);
  await shown.user.click(await screen.findByRole("button", { name: /^Delete/u }));
  expect(screen.queryByRole("button", { name: /few/u })).toBeNull();
  await shown.user.click(screen.getByRole("button", { name: /must be at least 1/u }));
  await waitFor(() => expect(document.activeElement).toBe(screen.getByLabelText("units")));
  expect(screen.getByLabelText("units").getAttribute("aria-invalid")).toBe("true");
});

test("a changed argument keeps the comments of the document", async () => {
  const shown = show({}, { "POST /api/check": { ...CHECKED, problems: [missing("spec.network.layers[0].filters", "few", 0)] } });
  await shown.user.click(await screen.findByRole("button", { name: /few/u }));
  const filters = await screen.findByLabelText("filters");
  await shown.user.clear(filters);
  await new Promise((done) => setTimeout(done, 2 * PAUSE)); // an empty field keeps the argument
  await shown.user.type(filters, "32");
  // Ctrl+S while the text is not an edit yet.
  await shown.user.keyboard("{Control>}s{/Control}");
  await waitFor(() => expect(onSaved).toHaveBeenCalledWith(RUN));
  expect(lastJob(shown.sent)["yaml"]).toBe(`${TEXT.replace("filters: 8", "filters: 32")}  suspend: true\n`);
});

test("the first save creates a suspended run, and the next one changes its version", async () => {
  const shown = show();
  await save(shown);
  await waitFor(() => expect(onSaved).toHaveBeenCalledWith(RUN));
  const first = lastJob(shown.sent);
  expect(first).toMatchObject({ namespace: "vision", resourceVersion: null, dryRun: false });
  expect(first["yaml"]).toContain("suspend: true");
  expect(await screen.findByRole("button", { name: /kubectl get tj digits --namespace vision/u, hidden: true })).toBeTruthy();
  await shown.user.click(screen.getByRole("button", { name: "Go on drawing", hidden: true }));
  await save(shown);
  await waitFor(() => expect(lastJob(shown.sent)["resourceVersion"]).toBe("8"));
});

test("without a namespace Save asks for one", async () => {
  const shown = show({}, {}, null);
  await save(shown);
  expect(lastJob(shown.sent)).toBeUndefined();
  await shown.user.selectOptions(await screen.findByLabelText("Namespace of the run"), "speech");
  await shown.user.click(within(await screen.findByRole("dialog", { hidden: true })).getByRole("button", { name: "Save", hidden: true }));
  await waitFor(() => expect(lastJob(shown.sent)).toMatchObject({ namespace: "speech" }));
});

test("a used name asks for another one", async () => {
  let isFirst = true;
  const shown = show({}, {
    "POST /api/jobs": () => {
      const answer = isFirst ? refusal(409, "NameConflict", "There is a TrainingJob digits.") : { ...SAVED, key: { ...RUN, name: "digits-copy" } };
      isFirst = false;
      return answer;
    },
  });
  await save(shown);
  expect(await screen.findByText("There is a TrainingJob digits.")).toBeTruthy();
  await shown.user.click(within(await screen.findByRole("dialog", { hidden: true })).getByRole("button", { name: "Save", hidden: true }));
  await waitFor(() => expect(onSaved).toHaveBeenCalledWith({ ...RUN, name: "digits-copy" }));
  expect(lastJob(shown.sent)["yaml"]).toContain("name: digits-copy");
});

test("an input and another use of a layer are added by keys and by buttons", async () => {
  const { user, sent } = show();
  const last = () => (sent.at(-1)?.body as { yaml: string }).yaml;
  const conv = await screen.findByRole("button", { name: /^Conv2D/u });
  await user.click(screen.getByRole("button", { name: "Add an input" }));
  await waitFor(() => expect(last()).toContain("- {name: input_2, shape: [8, 8, 1]}"));
  conv.focus();
  await user.keyboard("u");
  await waitFor(() => expect(last()).toContain("- {use: conv2d_0, inputs: [input_2]}"));
  await user.keyboard("i");
  await waitFor(() => expect(last()).toContain("- {name: input_3, shape: [8, 8, 1]}"));
});

test("a conflict shows both versions, and the stored one replaces the drawing", async () => {
  const current = { metadata: { resourceVersion: "9" }, spec: { training: { loss: "MeanSquaredError" } } };
  const stored = detail({ name: "digits" }, { yaml: TEXT.replace("SparseCategoricalCrossentropy", "MeanSquaredError"), object: current });
  const run = { key: RUN, resourceVersion: "7", hasRun: false };
  const shown = show({ run }, {
    "POST /api/jobs": new Refused(409, { reason: "Conflict", message: "digits has changed.", remedy: "", current }),
    "GET /api/runs/TrainingJob/vision/digits": stored,
  });
  await save(shown);
  const row = (await screen.findByText("spec.training.loss")).closest("tr");
  expect(row?.textContent).toContain("SparseCategoricalCrossentropy");
  expect(row?.textContent).toContain("MeanSquaredError");
  await shown.user.click(screen.getByRole("button", { name: "Take the stored version", hidden: true }));
  await waitFor(() => expect(screen.queryByRole("dialog", { hidden: true })).toBeNull());
  await waitFor(() => expect(JSON.stringify(shown.sent.at(-1)?.body)).toContain("MeanSquaredError"));
});

test("a change by kubectl of the open run is told at once, with both versions", async () => {
  const run = { key: RUN, resourceVersion: "7", generation: 2, uid: "u", hasRun: false };
  const object = { metadata: { uid: "u", resourceVersion: "9", generation: 3 }, spec: { training: { loss: "MeanSquaredError" } } };
  const shown = show({ run }, { "GET /api/runs/TrainingJob/vision/digits": detail({ name: "digits" }, { object }) });
  const live = (generation: number, resourceVersion: string) => shown.update({ isFirst: true, isComplete: true, changed: [summary({ name: "digits", uid: "u", generation, resourceVersion })], removed: [] });
  live(2, "8");
  expect(shown.sent.filter(({ method }) => method === "GET")).toEqual([]);
  live(3, "9");
  await shown.user.click(await screen.findByRole("button", { name: "Show both versions" }));
  const row = (await screen.findByText("spec.training.loss")).closest("tr");
  expect(row?.textContent).toContain("SparseCategoricalCrossentropy");
  expect(row?.textContent).toContain("MeanSquaredError");
});

test("after the deletion of the open run the drawing becomes a new run", async () => {
  const run = { key: RUN, resourceVersion: "7", generation: 2, uid: "u", hasRun: false };
  const shown = show({ run }, { "GET /api/runs/TrainingJob/vision/digits": refusal(404, "NotFound", "There is no digits.") });
  shown.update({ isFirst: true, isComplete: true, changed: [summary({ name: "digits", uid: "u", generation: 2 })], removed: [] });
  shown.update({ isFirst: false, isComplete: false, changed: [], removed: [RUN] });
  await shown.user.click(await screen.findByRole("button", { name: "Keep it as a new run" }));
  await save(shown);
  expect(lastJob(shown.sent)).toMatchObject({ resourceVersion: null });
});

test("a run that has trained becomes a new one", async () => {
  const run = { key: RUN, resourceVersion: "7", hasRun: true };
  const shown = show({ run });
  expect(screen.getByText(/does not change any more/u)).toBeTruthy();
  await shown.user.click(screen.getByRole("button", { name: "Save as new…" }));
  await shown.user.click(within(await screen.findByRole("dialog", { hidden: true })).getByRole("button", { name: "Save", hidden: true }));
  await waitFor(() => expect(lastJob(shown.sent)).toMatchObject({ resourceVersion: null }));
  expect(lastJob(shown.sent)["yaml"]).toContain("name: digits-copy");
});

test("a refusal names cause and remedy, and the drawing stays", async () => {
  const shown = show({}, { "POST /api/jobs": refusal(403, "Forbidden", "You may not create TrainingJobs in vision.", "Ask for the role edit.") });
  await save(shown);
  expect(await screen.findByText("Ask for the role edit.")).toBeTruthy();
  expect(onSaved).not.toHaveBeenCalled();
});

test("a broken document opens with its faults, and is not sent to be saved", async () => {
  const shown = show({ text: "kind: TrainingJob\nspec: [1\n" });
  expect((await screen.findAllByText(/^Line \d/u)).length).toBeGreaterThan(0);
  await save(shown);
  expect(await screen.findByText(/so it cannot be saved/u)).toBeTruthy();
  expect(lastJob(shown.sent)).toBeUndefined();
});

test("a change is a draft, which saving removes", async () => {
  const shown = show();
  await shown.user.type(screen.getByRole("combobox", { name: "Search layers" }), "add{Enter}");
  await waitFor(() => expect(shown.drafts.load("vision", "digits")?.text).toContain("layer: Add"));
  await save(shown);
  await waitFor(() => expect(onSaved).toHaveBeenCalled());
  await act(async () => {
    await new Promise((resolve) => setTimeout(resolve, 1_500));
  });
  expect(shown.drafts.list()).toEqual([]);
});

const CHANGED = TEXT.replace("units: 10", "units: 20");
const STORED = { key: RUN, resourceVersion: "7", hasRun: false };

test("the draft of a stored run stays a draft when it is opened", async () => {
  const draft = { namespace: "vision", name: "TrainingJob/digits" };
  new DraftStore("ada").save({ ...draft, text: CHANGED, resourceVersion: "7" });
  const shown = show({ run: STORED, text: CHANGED, draft });
  expect(screen.getByText(/Its changes are not saved/u)).toBeTruthy();
  expect(screen.queryByRole("link", { name: "Start…" })).toBeNull();
  expect(shown.drafts.load(draft.namespace, draft.name)?.text).toBe(CHANGED);
  await save(shown);
  await waitFor(() => expect(screen.queryByText(/Its changes are not saved/u)).toBeNull());
  expect(shown.drafts.list()).toEqual([]);
});

test("a version that is kept against another tab is the draft", async () => {
  const shown = show({ run: STORED });
  const other = { namespace: "vision", name: "digits", text: CHANGED, resourceVersion: "9" };
  new DraftStore("ada").save(other);
  await shown.user.type(screen.getByRole("combobox", { name: "Search layers" }), "add{Enter}");
  await shown.user.click(await screen.findByRole("button", { name: "Keep this version" }));
  expect(screen.queryByText(/Another tab/u)).toBeNull();
  const kept = shown.drafts.load("vision", "digits");
  expect(kept?.text).toContain("layer: Add");
  // Saving it still finds the conflict with the version that the other tab has seen.
  expect(kept?.resourceVersion).toBe("7");
});

test("a version that another tab replaces comes back by undo", async () => {
  const shown = show();
  new DraftStore("ada").save({ namespace: "vision", name: "digits", text: CHANGED, resourceVersion: null });
  await shown.user.type(screen.getByRole("combobox", { name: "Search layers" }), "add{Enter}");
  await shown.user.click(await screen.findByRole("button", { name: "Take the other version" }));
  await waitFor(() => expect(JSON.stringify(shown.sent.at(-1)?.body)).toContain("units: 20"));
  await shown.user.click(screen.getByRole("button", { name: /^Undo/u }));
  await waitFor(() => expect(JSON.stringify(shown.sent.at(-1)?.body)).toContain("layer: Add"));
});

test("a stored run and its save leave the draft of another tab", async () => {
  const shown = show({ run: STORED });
  const other = { namespace: "vision", name: "digits", text: CHANGED, resourceVersion: "7" };
  new DraftStore("ada").save(other);
  await save(shown);
  await waitFor(() => expect(onSaved).toHaveBeenCalled());
  expect(shown.drafts.list()).toMatchObject([{ text: CHANGED }]);
});

test("a stored run that opens leaves a draft that it has not read", () => {
  new DraftStore("ada").save({ namespace: "vision", name: "digits", text: CHANGED, resourceVersion: "7" });
  const shown = show({ run: STORED });
  expect(shown.drafts.list()).toMatchObject([{ text: CHANGED }]);
});

test("the version of another tab is saved in place of the one that it began with", async () => {
  const shown = show({ run: STORED });
  new DraftStore("ada").save({ namespace: "vision", name: "digits", text: CHANGED, resourceVersion: "9" });
  await shown.user.type(screen.getByRole("combobox", { name: "Search layers" }), "add{Enter}");
  await shown.user.click(await screen.findByRole("button", { name: "Take the other version" }));
  await save(shown);
  await waitFor(() => expect(lastJob(shown.sent)).toMatchObject({ resourceVersion: "9" }));
  expect(lastJob(shown.sent)["yaml"]).toContain("units: 20");
});

test("a document that cannot be suspended is not sent, since it would start", async () => {
  const shown = show({ text: `${TEXT.replace("spec:", "spec: &spec")}copy: *spec\n` });
  await save(shown);
  expect(await screen.findByRole("dialog", { hidden: true })).toBeTruthy();
  expect(lastJob(shown.sent)).toBeUndefined();
});

test("a layer becomes an output of the network, and the only one stays", async () => {
  const shown = show({}, { "POST /api/check": { ...CHECKED, problems: [missing("spec.network.layers[0].filters", "few", 0)] } });
  await shown.user.click(await screen.findByRole("button", { name: /few/u }));
  const output = () => screen.getByRole<HTMLInputElement>("checkbox", { name: "Output of the network" });
  expect(output().checked).toBe(false);
  await shown.user.click(output());
  expect(output().checked).toBe(true);
  await waitFor(() => expect(JSON.stringify(shown.sent.at(-1)?.body)).toContain("outputs: [dense_1, conv2d_0]"));
  await shown.user.click(output());
  expect(output().checked).toBe(false);
  await waitFor(() => expect(JSON.stringify(shown.sent.at(-1)?.body)).toContain("outputs: [dense_1]"));
});

test("a broken document has no form, whose fields would look unset", async () => {
  show({ text: `${TEXT}broken: [1\n` });
  expect(await screen.findByText("The YAML cannot be read")).toBeTruthy();
  expect(screen.queryByLabelText("Storage Secret")).toBeNull();
});
