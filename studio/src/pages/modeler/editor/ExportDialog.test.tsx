import { render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";
import { fakeFetch, type SentRequest } from "../../../testing/backEnd";
import { refusal } from "../../../testing/pageBackEnd";
import ExportDialog from "./ExportDialog";

const FILES = { files: [{ name: "digits.py", text: "import keras\n" }, { name: "digits.json", text: "{}" }] };

beforeEach(() => {
  if (!("showModal" in HTMLDialogElement.prototype)) Object.assign(HTMLDialogElement.prototype, { showModal: () => undefined });
});

function show(answer: unknown): SentRequest[] {
  const sent = fakeFetch({ "POST /api/export": answer });
  render(<ExportDialog text={() => "kind: TrainingJob\n"} onClose={() => undefined} />);
  return sent;
}

const button = (name: string) => screen.getByRole("button", { name, hidden: true });

test("the files of a target can be downloaded", async () => {
  const addresses = vi.spyOn(URL, "createObjectURL");
  const sent = show(FILES);
  await userEvent.click(button("Export"));
  const link = await screen.findByRole("link", { name: "Download digits.py", hidden: true });
  expect(link.getAttribute("download")).toBe("digits.py");
  const [blob] = addresses.mock.calls[0] ?? [];
  expect(await (blob as Blob).text()).toBe("import keras\n");
  expect(link.getAttribute("href")).toBe(addresses.mock.results[0]?.value);
  expect(sent.map(({ body }) => body)).toEqual([{ yaml: "kind: TrainingJob\n", target: "keras", simple: false }]);
});

test("the simple form is only for the targets that have it", async () => {
  const sent = show(FILES);
  await userEvent.click(screen.getByRole("checkbox", { hidden: true }));
  await userEvent.click(screen.getByRole("radio", { name: /^PyTorch/u, hidden: true }));
  expect(screen.queryByRole("checkbox", { hidden: true })).toBeNull();
  await userEvent.click(button("Export"));
  await userEvent.click(screen.getByRole("radio", { name: /notebook/u, hidden: true }));
  await userEvent.click(button("Export"));
  expect(sent.map(({ body }) => body)).toMatchObject([{ target: "torch", simple: false }, { target: "notebook", simple: true }]);
});

test("a refusal shows its cause, and no files of another target", async () => {
  const answers: unknown[] = [FILES, refusal(422, "Failed", "layers[0]: Caffe has no LSTM", "Choose another target.")];
  show(() => answers.shift());
  await userEvent.click(button("Export"));
  await screen.findByRole("link", { name: "Download digits.py", hidden: true });
  await userEvent.click(button("Export"));
  expect(await screen.findByText("layers[0]: Caffe has no LSTM")).toBeTruthy();
  expect(screen.queryByRole("link", { hidden: true })).toBeNull();
});

test("the files are a list in a region that screen readers announce", async () => {
  show(FILES);
  const region = screen.getByRole("status", { hidden: true });
  expect(region.textContent).toBe("");
  await userEvent.click(button("Export"));
  expect((await within(region).findAllByRole("listitem", { hidden: true })).length).toBe(2);
  expect(within(region).getByRole("list", { name: "Exported files", hidden: true })).toBeTruthy();
});

test("another target has no files yet", async () => {
  show(FILES);
  await userEvent.click(button("Export"));
  await screen.findByRole("link", { name: "Download digits.py", hidden: true });
  await userEvent.click(screen.getByRole("radio", { name: /^PyTorch/u, hidden: true }));
  expect(screen.queryByRole("link", { hidden: true })).toBeNull();
});
