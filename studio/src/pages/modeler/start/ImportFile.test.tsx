import { act, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";
import { DraftStore } from "../../../modeler/drafts";
import { pageBackEnd, refusal, type PageBackEnd } from "../../../testing/pageBackEnd";
import type { Imported } from "../../../wire";
import { ImportFile } from "./ImportFile";

const FOUND: Imported = { yaml: "kind: TrainingJob\n", warnings: [], placeholders: [], hasWeights: false };

beforeEach(() => {
  window.localStorage.clear();
  window.history.replaceState(null, "", "/modeler");
});

async function open(answer: unknown, name = "old flow.nnd"): Promise<PageBackEnd> {
  const backEnd = pageBackEnd({ "POST /api/import": answer });
  backEnd.show(<ImportFile namespace="vision" drafts={new DraftStore("ada")} />);
  await userEvent.upload(screen.getByLabelText("File to import"), new File(["{}"], name), { applyAccept: false });
  return backEnd;
}

function drafts(): string[] {
  return new DraftStore("ada").list().map(({ name, namespace, text }) => `${namespace}/${name}: ${text.trim()}`);
}

test("a complete import is opened at once as a draft", async () => {
  const backEnd = await open(FOUND);
  await waitFor(() => expect(window.location.search).toBe("?draft=vision%2Fold+flow&namespace=vision"));
  expect(backEnd.paths()).toEqual(["/api/import?name=old+flow.nnd"]);
  expect(drafts()).toEqual(["vision/old flow: kind: TrainingJob"]);
});

test("lost and missing details are shown before the network is opened", async () => {
  await open({ ...FOUND, warnings: ["The node Lambda is lost."], placeholders: ["spec.data.bucket"], hasWeights: true }, ".keras");
  expect(await screen.findByText("The node Lambda is lost.")).toBeTruthy();
  expect(screen.getByText("spec.data.bucket")).toBeTruthy();
  expect(screen.getByText("network.weights")).toBeTruthy();
  expect(window.location.search).toBe("");
  expect(screen.getByRole("link", { name: "Open the network", hidden: true }).getAttribute("href")).toBe("/modeler?draft=vision%2F.keras&namespace=vision");
});

test("a second file of the same name replaces no draft", async () => {
  new DraftStore("ada").save({ namespace: "vision", name: "old flow", text: "mine", resourceVersion: null });
  await open(FOUND);
  await waitFor(() => expect(drafts().sort()).toEqual(["vision/old flow-2: kind: TrainingJob", "vision/old flow: mine"]));
});

test("a refusal shows its cause, and stores no draft", async () => {
  await open(refusal(422, "Failed", "old.h5: Studio does not read HDF5 files", "Save the model as a .keras file."), "old.h5");
  expect(await screen.findByText("old.h5: Studio does not read HDF5 files")).toBeTruthy();
  expect(screen.getByText("Save the model as a .keras file.")).toBeTruthy();
  expect(drafts()).toEqual([]);
  await userEvent.click(screen.getByRole("button", { name: "Back", hidden: true }));
  expect(screen.queryByText("old.h5 is not imported")).toBeNull();
});

test.each(["Cancel", "leave the page"])("an import ends with %s", async (way) => {
  const backEnd = pageBackEnd({ "POST /api/import": () => new Promise(() => undefined) });
  const page = backEnd.show(<ImportFile namespace="vision" drafts={new DraftStore("ada")} />);
  const fetched = vi.spyOn(window, "fetch");
  await userEvent.upload(screen.getByLabelText("File to import"), new File(["{}"], "old flow.nnd"), { applyAccept: false });
  const cancel = await screen.findByRole("button", { name: "Cancel", hidden: true });
  if (way === "Cancel") await userEvent.click(cancel);
  else page.unmount();
  expect(screen.queryByText("Importing old flow.nnd")).toBeNull();
  expect(fetched.mock.calls[0]?.[1]?.signal?.aborted).toBe(true);
});

test("a page that the user has left opens no network", async () => {
  let resolve: (found: Imported) => void = () => undefined;
  const answer = new Promise<Imported>((each) => (resolve = each));
  const view = pageBackEnd({ "POST /api/import": () => answer });
  const { unmount } = view.show(<ImportFile namespace="vision" drafts={new DraftStore("ada")} />);
  await userEvent.upload(screen.getByLabelText("File to import"), new File(["{}"], "a.nnd"), { applyAccept: false });
  unmount();
  resolve(FOUND);
  await act(() => new Promise((next) => setTimeout(next)));
  expect(window.location.search).toBe("");
  expect(drafts()).toEqual([]);
});

test("a file may take as long as the back end waits for its bytes", async () => {
  const limits = vi.spyOn(AbortSignal, "timeout");
  await open(FOUND);
  await waitFor(() => expect(limits).toHaveBeenCalled());
  expect(limits.mock.calls[0]?.[0]).toBeGreaterThan(100_000);
});

test("a file that is too large is not sent", async () => {
  const backEnd = pageBackEnd({ "POST /api/import": FOUND });
  backEnd.show(<ImportFile namespace="vision" drafts={new DraftStore("ada")} />);
  const file = new File(["{}"], "resnet.keras");
  Object.defineProperty(file, "size", { value: 98 * 2 ** 20 });
  await userEvent.upload(screen.getByLabelText("File to import"), file, { applyAccept: false });
  expect(await screen.findByText("A file to import has at most 64 MiB, found 98 MiB.")).toBeTruthy();
  expect(screen.getByText(/model\.to_json\(\)/u)).toBeTruthy();
  expect(backEnd.paths()).toEqual([]);
});
