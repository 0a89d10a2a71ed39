import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";
import { DraftStore } from "../../modeler/drafts";
import type { ModelerTarget } from "../../navigation";
import { Refused } from "../../testing/backEnd";
import { detail, pageBackEnd, type PageBackEnd } from "../../testing/pageBackEnd";
import type { Session } from "../../wire";
import { Opener } from "./Opener";
import { CATALOGUE } from "./testing";

const RUN = { kind: "TrainingJob", namespace: "vision", name: "digits" } as const;
const PATH = "GET /api/runs/TrainingJob/vision/digits";
const STORED = "apiVersion: epochal.dev/v1alpha1\nkind: TrainingJob\nmetadata:\n  name: digits\n  namespace: vision\nspec:\n  training:\n    epochs: 3\n";
const DRAWN = STORED.replace("epochs: 3", "epochs: 40");
const DRAFT = { namespace: "vision", name: "TrainingJob/digits" };
const CHECKED = { problems: [], layers: [], parameters: 0, isBuilt: true, problem: null };
const SESSION: Session = { user: "ada", expires: null, namespaces: ["vision"], isProxied: false, storageEndpoints: [] };

beforeEach(() => {
  window.localStorage.clear();
  window.history.replaceState(null, "", "/modeler");
});

function server(answers: Record<string, unknown> = {}): PageBackEnd {
  const object = { metadata: { name: "digits", resourceVersion: "8" } };
  return pageBackEnd({ "GET /api/catalogue": CATALOGUE, "POST /api/check": CHECKED, [PATH]: detail({ name: "digits" }, { yaml: STORED, object }), ...answers });
}

function open(target: ModelerTarget, backEnd = server()): DraftStore {
  const drafts = new DraftStore("ada");
  backEnd.show(<Opener open={target} namespace="vision" session={SESSION} drafts={drafts} onSaved={vi.fn()} />);
  return drafts;
}

async function epochs(): Promise<string> {
  return (await screen.findByRole<HTMLInputElement>("textbox", { name: "Epochs" })).value;
}

test.each<ModelerTarget>([
  { kind: "run", run: RUN },
  { kind: "draft", key: "vision/TrainingJob/digits" },
])("a draft of a stored run outlives its opening by $kind", async (target) => {
  new DraftStore("ada").save({ ...DRAFT, text: DRAWN, resourceVersion: "7" });
  const drafts = open(target);
  expect(await epochs()).toBe("40");
  expect(screen.getByText(/Its changes are not saved/u)).toBeTruthy();
  expect(drafts.load(DRAFT.namespace, DRAFT.name)).toMatchObject({ text: DRAWN, resourceVersion: "7" });
});

test("the draft of a saved run is saved to it, although the operator has written its status since", async () => {
  new DraftStore("ada").save({ ...DRAFT, text: DRAWN, resourceVersion: "7", generation: 2, uid: "u" });
  const object = { metadata: { name: "digits", resourceVersion: "8", generation: 2, uid: "u" } };
  const saved = { key: RUN, resourceVersion: "9", generation: 3, uid: "u", yaml: DRAWN, warnings: [] };
  const backEnd = server({ [PATH]: detail({ name: "digits" }, { yaml: STORED, object }), "POST /api/jobs": saved });
  const drafts = open({ kind: "run", run: RUN }, backEnd);
  expect(await epochs()).toBe("40");
  expect(drafts.load(DRAFT.namespace, DRAFT.name)).toMatchObject({ generation: 2, uid: "u" });
  await userEvent.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() => expect(backEnd.bodies("/api/jobs")).toMatchObject([{ resourceVersion: "7", generation: 2, uid: "u" }]));
});

test("a discarded draft shows the stored run", async () => {
  new DraftStore("ada").save({ ...DRAFT, text: DRAWN, resourceVersion: "7" });
  const drafts = open({ kind: "run", run: RUN });
  await userEvent.click(await screen.findByRole("button", { name: "Discard the draft" }));
  await waitFor(async () => expect(await epochs()).toBe("3"));
  expect(drafts.list()).toEqual([]);
});

test("the draft of a run that was deleted is a network that is not saved", async () => {
  new DraftStore("ada").save({ ...DRAFT, text: DRAWN, resourceVersion: "7" });
  const backEnd = server({ [PATH]: undefined });
  open({ kind: "draft", key: "vision/TrainingJob/digits" }, backEnd);
  expect(await epochs()).toBe("40");
  expect(screen.getByRole("button", { name: "Save" })).toBeTruthy();
});

test("the draft of a deleted run does not replace a new run of its name without a question", async () => {
  // A change of the draft while there was no run has left it without a version.
  new DraftStore("ada").save({ ...DRAFT, text: DRAWN, resourceVersion: null });
  const current = { metadata: { name: "digits", resourceVersion: "8" }, spec: { training: { epochs: 3 } } };
  const conflict = new Refused(409, { reason: "Conflict", message: "digits has changed.", remedy: "", current });
  const backEnd = server({ "POST /api/jobs": conflict });
  const drafts = open({ kind: "draft", key: "vision/TrainingJob/digits" }, backEnd);
  expect(await epochs()).toBe("40");
  await userEvent.click(screen.getByRole("button", { name: "Save" }));
  expect((await screen.findByText("spec.training.epochs")).closest("tr")?.textContent).toMatch(/40.*3/u);
  expect(backEnd.bodies("/api/jobs")).toMatchObject([{ resourceVersion: "" }]);
  await waitFor(() => expect(drafts.load(DRAFT.namespace, DRAFT.name)).toMatchObject({ resourceVersion: "" }));
});

test("a template becomes a draft with an address and a name of its own", async () => {
  new DraftStore("ada").save({ namespace: "vision", name: "digits", text: "mine", resourceVersion: null });
  const templates = [{ name: "digits", title: "digits", description: "", yaml: STORED }];
  const drafts = open({ kind: "template", name: "digits" }, server({ "GET /api/templates": { templates } }));
  await waitFor(() => expect(window.location.search).toContain("draft=vision%2Fdigits-2"));
  expect(drafts.load("vision", "digits")?.text).toBe("mine");
  expect(drafts.load("vision", "digits-2")?.text).toBe(STORED);
});

test("an address without a draft names the cause and leads on", async () => {
  open({ kind: "draft", key: "vision/gone" });
  expect(await screen.findByText("This browser has no such draft.")).toBeTruthy();
  expect(screen.getByRole("link", { name: "Start page of the modeler" }).getAttribute("href")).toBe("/modeler?namespace=vision");
});
