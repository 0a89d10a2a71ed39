import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";
import { LogView } from "./LogView";
import { RefusedLog } from "./useLog";

// happy-dom has no layout, so a virtual list would show nothing: this one shows all lines.
vi.mock("@tanstack/react-virtual", () => ({
  useVirtualizer: ({ count }: { count: number }) => ({
    getTotalSize: () => 20 * count,
    getVirtualItems: () => Array.from({ length: count }, (_, index) => ({ index, key: index, start: 20 * index })),
    scrollToIndex: () => undefined,
    measureElement: () => undefined,
  }),
}));

const open = (text: string) => () => Promise.resolve(new Blob([text]).stream() as ReadableStream<Uint8Array>);
const show = (text: string) => render(<LogView open={open(text)} isRunning={false} download="/log" file="mnist.log" />);

test("lines are text, and the whole log can be downloaded", async () => {
  const { container } = show("<b>Epoch 1</b>\nEpoch 2\n");
  await screen.findByText("End of the log.");
  expect(screen.getByText("<b>Epoch 1</b>")).toBeTruthy();
  expect(container.querySelector("b")).toBeNull();
  expect(screen.getByRole("link", { name: "Download" }).getAttribute("download")).toBe("mnist.log");
});

test("a search counts the lines, marks the text, and stops following", async () => {
  const { container } = show("Epoch 1\nloss 3\nepoch 2\n");
  await screen.findByText("End of the log.");
  await userEvent.type(screen.getByLabelText("Search"), "EPOCH");
  expect(screen.getByText("Line 1 of 2")).toBeTruthy();
  expect([...container.querySelectorAll("mark")].map((mark) => mark.textContent)).toEqual(["Epoch", "epoch"]);
  await userEvent.keyboard("{Enter}");
  expect(screen.getByText("Line 2 of 2")).toBeTruthy();
  expect(screen.getByRole<HTMLInputElement>("checkbox", { name: "Follow" }).checked).toBe(false);
});

test("a log that may not be read has cause and remedy", async () => {
  const problem = { reason: "Forbidden", message: "You may not read logs.", remedy: "Ask for the role view." };
  render(<LogView open={() => Promise.reject(new RefusedLog(problem))} isRunning download="/log" file="mnist.log" />);
  await screen.findByText(/You may not read logs/u);
  expect(screen.getByText("Ask for the role view.")).toBeTruthy();
});
