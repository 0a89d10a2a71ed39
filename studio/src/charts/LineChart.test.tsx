import { fireEvent, render, screen } from "@testing-library/react";
import { useState } from "react";
import { beforeEach, expect, test, vi } from "vitest";
import LineChart from "./LineChart";
import { type View } from "./keys";
import { type Line } from "./lines";
import { lineStyle } from "./lineStyle";

// A canvas draws nothing in happy-dom: the calls of the plot are recorded in its place.
const calls = vi.hoisted(() => [] as [string, unknown][]);
vi.mock("./Plot", () => ({
  Plot: class {
    constructor() {
      calls.push(["new", undefined]);
    }
    setColumns = (columns: unknown) => calls.push(["setColumns", columns]);
    setRange = (range: unknown) => calls.push(["setRange", range]);
    setPoint = (point: unknown) => calls.push(["setPoint", point]);
    setShown = (isShown: unknown) => calls.push(["setShown", isShown]);
    setSize = () => undefined;
    destroy = () => calls.push(["destroy", undefined]);
  },
}));

beforeEach(() => {
  calls.length = 0;
});

const line = (id: string, ...y: number[]): Line => ({ id, label: id, x: y.map((_, index) => index + 1), y });
const styles = [lineStyle(0), lineStyle(1)];
const shown = new Set<string>();

function Chart({ lines, hidden = shown }: { lines: readonly Line[]; hidden?: ReadonlySet<string> }) {
  const [view, setView] = useState<View>({ point: null, range: null });
  return (
    <LineChart {...{ lines, styles, hidden, view }} label="loss" axis="epoch" isLogarithmic={false} onView={setView} />
  );
}

const count = (name: string) => calls.filter(([call]) => call === name).length;

test("arrows move the cursor, and its values are read as text", () => {
  render(<Chart lines={[line("loss", 3, 2, 1), line("val_loss", 6, 5)]} />);
  const slider = screen.getByRole("slider", { name: "loss by epoch" });
  expect(slider.getAttribute("aria-valuetext")).toBe("epoch 3: loss 1, val_loss no value");
  fireEvent.keyDown(slider, { key: "Home" });
  expect(slider.getAttribute("aria-valuetext")).toBe("epoch 1: loss 3, val_loss 6");
  fireEvent.keyDown(slider, { key: "ArrowRight" });
  expect(slider.getAttribute("aria-valuenow")).toBe("2");
  expect(calls.at(-1)).toEqual(["setPoint", 2]);
});

test("a line that is hidden is neither drawn nor read", () => {
  render(<Chart lines={[line("loss", 3, 2), line("val_loss", 6, 5)]} hidden={new Set(["loss"])} />);
  expect(calls).toContainEqual(["setShown", [false, true]]);
  expect(screen.getByRole("slider").getAttribute("aria-valuetext")).toBe("epoch 2: val_loss 5");
});

test("new points are drawn by the same plot, and the same points not again", () => {
  const lines = [line("loss", 3, 2)];
  const { rerender } = render(<Chart lines={lines} />);
  rerender(<Chart lines={lines} />);
  expect(count("setColumns")).toBe(1);
  rerender(<Chart lines={[line("loss", 3, 2, 1)]} />);
  expect(count("setColumns")).toBe(2);
  expect(count("new")).toBe(1);
});

test("buttons zoom and pan without dragging", () => {
  render(<Chart lines={[line("loss", ...Array.from({ length: 31 }, (_, index) => index))]} />);
  const whole = screen.getByRole<HTMLButtonElement>("button", { name: "Whole" });
  expect(whole.disabled).toBe(true);
  fireEvent.click(screen.getByRole("button", { name: "Zoom in" }));
  expect(calls.findLast(([call]) => call === "setRange")?.[1]).toEqual({ min: 6, max: 26 });
  fireEvent.click(screen.getByRole("button", { name: "Later" }));
  expect(calls.findLast(([call]) => call === "setRange")?.[1]).toEqual({ min: 11, max: 31 });
  fireEvent.click(whole);
  expect(calls.findLast(([call]) => call === "setRange")?.[1]).toBeNull();
});
