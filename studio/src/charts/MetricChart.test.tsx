import { fireEvent, render, screen } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import { lineStyle } from "./lineStyle";
import { MetricChart } from "./MetricChart";
import { formatValue } from "./numbers";

vi.mock("./Plot", () => ({
  Plot: class {
    setColumns = () => undefined;
    setRange = () => undefined;
    setPoint = () => undefined;
    setShown = () => undefined;
    setSize = () => undefined;
    destroy = () => undefined;
  },
}));
vi.mock("./numbers", () => ({ formatValue: vi.fn(String) }));

beforeEach(() => {
  // Every chart is on the screen.
  vi.stubGlobal("IntersectionObserver", class {
    readonly #tell: (changes: unknown[]) => void;
    constructor(tell: (changes: unknown[]) => void) {
      this.#tell = tell;
    }
    observe = () => queueMicrotask(() => this.#tell([{ isIntersecting: true }]));
    disconnect = () => undefined;
  });
});

test("moving the visible part makes no value of the legend, the table and the slider again", async () => {
  const x = Array.from({ length: 50 }, (_, index) => index + 1);
  const lines = ["loss", "val_loss"].map((id) => ({ id, label: id, x, y: x }));
  render(<MetricChart label="loss" axis="epoch" lines={lines} styles={[lineStyle(0), lineStyle(1)]} isLogarithmic={false} />);
  const slider = await screen.findByRole("slider");
  fireEvent.keyDown(slider, { key: "+" });
  const details = screen.getByText("All values of loss").closest("details") as HTMLDetailsElement;
  details.open = true;
  fireEvent(details, new Event("toggle"));
  vi.mocked(formatValue).mockClear();
  for (let step = 0; step < 3; step++) fireEvent.keyDown(slider, { key: "ArrowRight", shiftKey: true });
  expect(screen.getByRole<HTMLButtonElement>("button", { name: "Whole" }).disabled).toBe(false);
  expect(formatValue).not.toHaveBeenCalled();
  fireEvent.keyDown(slider, { key: "Home" });
  expect(formatValue).toHaveBeenCalled();
});
