import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";
import { pageBackEnd, refusal, type PageBackEnd } from "../../testing/pageBackEnd";
import { navigate, useAddress } from "../../navigation";
import { FakeUpload } from "../../testing/uploads";
import type { Preview, Session } from "../../wire";
import { read } from "./document";
import NewRunPage from "./NewRunPage";

const SESSION: Session = { user: "ada", expires: null, namespaces: ["vision"], isProxied: false, storageEndpoints: [] };
const STORAGE = { secrets: ["keys"], endpoints: ["http://minio:9000"], defaultEndpoint: "http://minio:9000", buckets: null, created: [], isCut: false };
const PREVIEW: Preview = {
  key: "digits/train.npz", size: 2_000_000, format: "npz", columns: [], rows: [], problem: null,
  arrays: [
    { name: "x", shape: [60_000, 28, 28], dtype: "uint8", values: ["0"], classes: null, problem: null },
    { name: "y", shape: [60_000], dtype: "int64", values: ["5"], classes: { "0": 10, "1": 5 }, problem: null },
  ],
  samples: [{ width: 1, height: 1, channels: 1, pixels: "AA==", label: "7" }],
};

beforeEach(() => window.sessionStorage.clear());

function backEnd(changes: Record<string, unknown> = {}): PageBackEnd {
  const folders: Record<string, unknown> = {
    "": { folders: ["digits/"], objects: [{ key: "a.csv", size: 10, modified: null }], next: null },
    "digits/": { folders: [], objects: [{ key: "digits/train.npz", size: 2_000_000, modified: null }], next: "token" },
  };
  const server = pageBackEnd({
    "GET /api/templates": { templates: [] },
    "POST /api/check": { problems: [], layers: [], parameters: null, isBuilt: false, problem: null },
    "GET /api/storage": STORAGE,
    "GET /api/buckets": { endpoint: "http://minio:9000", buckets: ["data", "other"] },
    "GET /api/buckets/data": () => folders[new URLSearchParams(server.paths().at(-1)?.split("?")[1]).get("prefix") ?? ""],
    "GET /api/buckets/data/preview": PREVIEW,
    ...changes,
  });
  return server;
}

async function open(server: PageBackEnd): Promise<ReturnType<typeof userEvent.setup>> {
  const user = userEvent.setup();
  server.show(<NewRunPage namespace="vision" session={SESSION} run={null} template={null} />);
  await user.click(await screen.findByRole("button", { name: /^Data/u }));
  return user;
}

async function browse(server: PageBackEnd): Promise<ReturnType<typeof userEvent.setup>> {
  const user = await open(server);
  await user.selectOptions(await screen.findByLabelText("Storage"), "keys");
  await user.click(screen.getByRole("button", { name: "Choose the file for training set" }));
  const dialog = await screen.findByRole("dialog");
  await user.selectOptions(await within(dialog).findByLabelText("Bucket"), "data");
  await screen.findByRole("button", { name: /digits/u });
  return user;
}

function view(): unknown {
  return read(screen.getByRole("group", { name: /\.yaml$/u }).textContent);
}

test("without a storage the step leads to the page Storage", async () => {
  await open(backEnd({ "GET /api/storage": { ...STORAGE, secrets: [] } }));
  expect((await screen.findByRole("link", { name: "Connect a storage" })).getAttribute("href")).toBe("/storage?namespace=vision");
});

test("a user who may not list Secrets types the name", async () => {
  const user = await open(backEnd({ "GET /api/storage": { ...STORAGE, secrets: null } }));
  await user.type(await screen.findByLabelText("Storage"), "mine");
  expect(view()).toMatchObject({ job: { storage: { secretRef: { name: "mine" } } } });
});

test("a file is found by keyboard, previewed and chosen", async () => {
  const server = backEnd();
  const user = await browse(server);
  screen.getByRole("button", { name: /digits/u }).focus();
  await user.keyboard("{ArrowDown}");
  expect(document.activeElement?.textContent).toContain("a.csv");
  await user.keyboard("{Home}{Enter}");
  const file = await screen.findByRole("button", { name: /train.npz/u });
  file.focus();
  await user.keyboard("{Backspace}");
  (await screen.findByRole("button", { name: /digits/u })).focus();
  await user.keyboard("{Enter}");
  await user.click(await screen.findByRole("button", { name: /train.npz/u }));
  expect(await screen.findByText("60,000 × 28 × 28")).toBeTruthy();
  expect(screen.getByRole("img", { name: "Sample 1, label 7" })).toBeTruthy();
  expect(screen.getByText("2 classes in")).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Use this file" }));
  expect(view()).toMatchObject({ job: { data: { bucket: "data", train: { object: "digits/train.npz" } } } });
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  expect(await screen.findByText("60,000 × 28 × 28")).toBeTruthy();
});

test("the next page of a folder follows its token, and Back returns", async () => {
  const server = backEnd();
  const user = await browse(server);
  await user.click(screen.getByRole("button", { name: /digits/u }));
  await user.click(await screen.findByRole("button", { name: "Next" }));
  expect(await screen.findByText("Page 2")).toBeTruthy();
  expect(server.paths().some((path) => path.includes("after=token"))).toBe(true);
  await user.click(screen.getByRole("button", { name: "Back" }));
  expect(await screen.findByText("Page 1")).toBeTruthy();
});

test("a table is shown, and not chosen", async () => {
  const table: Preview = { ...PREVIEW, format: "csv", arrays: [], samples: [], columns: ["width"], rows: [["1.5"]] };
  const user = await browse(backEnd({ "GET /api/buckets/data/preview": table }));
  await user.click(screen.getByRole("button", { name: /a.csv/u }));
  expect(await screen.findByText("epochal init TABLE.csv")).toBeTruthy();
  expect(screen.getByRole("button", { name: "Use this file" }).hasAttribute("disabled")).toBe(true);
});

test("a storage that refuses the keys is named in the dialog", async () => {
  const server = backEnd({ "GET /api/buckets": refusal(403, "CredentialsRefused", "The storage refuses the keys.") });
  const user = await open(server);
  await user.selectOptions(await screen.findByLabelText("Storage"), "keys");
  await user.click(screen.getByRole("button", { name: "Choose the file for training set" }));
  expect(await screen.findByText(/Studio cannot show the buckets. The storage refuses the keys/u)).toBeTruthy();
});

test("keys that may not list buckets: the user types one", async () => {
  const server = backEnd({ "GET /api/buckets": { endpoint: "http://minio:9000", buckets: null } });
  const user = await open(server);
  await user.selectOptions(await screen.findByLabelText("Storage"), "keys");
  await user.click(screen.getByRole("button", { name: "Choose the file for training set" }));
  await user.type(await within(screen.getByRole("dialog")).findByLabelText("Bucket"), "data{Enter}");
  expect(await screen.findByRole("button", { name: /digits/u })).toBeTruthy();
});

test("an upload shows its progress, asks before it replaces, and can be cancelled", async () => {
  FakeUpload.all = [];
  vi.stubGlobal("XMLHttpRequest", FakeUpload);
  const server = backEnd();
  const user = await browse(server);
  const file = new File(["0123456789"], "a.csv");
  await user.upload(screen.getByLabelText("Files for data"), [file, new File(["x"], "b.npz")]);
  const [first] = await waitFor(() => {
    expect(FakeUpload.all).toHaveLength(1);
    return FakeUpload.all as [FakeUpload];
  });
  expect(first.address).toBe("PUT /api/buckets/data/object?namespace=vision&secret=keys&key=a.csv");
  expect(first.headers).toEqual({ "content-type": "application/octet-stream", "Epochal-Studio": "1" });
  expect(first.sent).toBe(file);
  first.progress(4);
  await waitFor(() => expect(screen.getByRole("progressbar").getAttribute("aria-valuenow")).toBe("40"));
  first.answer(409, { reason: "AlreadyExists", message: "The bucket has an object 'a.csv' already.", remedy: "Replace it." });
  await screen.findByText("Replace it?");

  await waitFor(() => expect(FakeUpload.all).toHaveLength(2));
  await user.click(screen.getByRole("button", { name: "Cancel the upload of b.npz" }));
  await screen.findByText("Cancelled");
  expect(FakeUpload.all[1]?.isAborted).toBe(true);

  const reads = server.paths().length;
  await user.click(screen.getByRole("button", { name: "Replace a.csv" }));
  await waitFor(() => expect(FakeUpload.all).toHaveLength(3));
  expect(FakeUpload.all[2]?.address).toContain("replace=1");
  FakeUpload.all[2]?.answer(200, { key: "a.csv", size: 10, modified: null });
  await screen.findByText("Stored, 10 B");
  await waitFor(() => expect(server.paths().length).toBeGreaterThan(reads));
});

test("a run starts after the files are stored, and another page asks before it cancels their upload", async () => {
  FakeUpload.all = [];
  vi.stubGlobal("XMLHttpRequest", FakeUpload);
  const confirm = vi.fn(() => false);
  vi.stubGlobal("confirm", confirm);
  window.history.replaceState(null, "", "/new?namespace=vision");
  const server = backEnd({ "POST /api/jobs": { key: { kind: "TrainingJob", namespace: "vision", name: "new-run" }, resourceVersion: "5", generation: 1, uid: "u", yaml: "", warnings: [] } });
  server.show(<Address />);
  const user = await browse(server);
  await user.upload(screen.getByLabelText("Files for data"), new File(["0123456789"], "b.npz"));
  await waitFor(() => expect(FakeUpload.all).toHaveLength(1));

  const start = screen.getByRole("button", { name: "Start", hidden: true });
  await user.click(start);
  expect(screen.getByText(/You can start the run after 1 file of the step Data is stored/u)).toBeTruthy();
  expect(server.bodies("/api/jobs")).toEqual([]);
  navigate("/?namespace=vision");
  expect(confirm).toHaveBeenLastCalledWith("Studio is still storing 1 file. Leave the page, and cancel the upload?");
  window.history.replaceState(null, "", "/");
  window.dispatchEvent(new PopStateEvent("popstate"));
  expect(confirm).toHaveBeenCalledTimes(2);
  expect(screen.getByTestId("address").textContent).toBe("/new?namespace=vision");
  expect(window.location.pathname).toBe("/new");
  expect(FakeUpload.all[0]?.isAborted).toBe(false);

  FakeUpload.all[0]?.answer(200, { key: "b.npz", size: 10, modified: null });
  await waitFor(() => expect(screen.queryByText(/You can start the run after/u)).toBeNull());
  await user.click(start);
  await waitFor(() => expect(window.location.pathname).toBe("/runs/TrainingJob/vision/new-run"));
  expect(confirm).toHaveBeenCalledTimes(2);
});

function Address() {
  const { pathname, search } = useAddress();
  return <p data-testid="address">{pathname + search}</p>;
}
