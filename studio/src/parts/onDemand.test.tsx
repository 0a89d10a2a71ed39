import { act, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";
import { onDemand } from "./onDemand";

interface Props {
  text: string;
}

function Part({ text }: Props) {
  return (
    <div>
      <p>Part: {text}</p>
      <button type="button">Inside</button>
    </div>
  );
}

const loaded = async () => ({ default: Part });
const failed = new TypeError("Failed to fetch");
const printed = vi.spyOn(console, "error");

beforeEach(() => {
  printed.mockReset().mockReturnValue(undefined);
});

test("the code is loaded once, with the first drawing", async () => {
  const load = vi.fn(loaded);
  const Lazy = onDemand<Props>(load, { name: "the part", waiting: <p>Loading…</p> });
  expect(load).not.toHaveBeenCalled();
  const { rerender } = render(<Lazy text="one" />);
  expect(screen.getByText("Loading…")).toBeTruthy();
  expect(await screen.findByText("Part: one")).toBeTruthy();
  rerender(<Lazy key="another" text="two" />);
  expect(screen.getByText("Part: two")).toBeTruthy();
  expect(load).toHaveBeenCalledOnce();
});

test("a preloaded part is drawn without waiting", async () => {
  const Lazy = onDemand<Props>(loaded, { name: "the part" });
  await Lazy.preload();
  render(<Lazy text="one" />);
  expect(screen.getByText("Part: one")).toBeTruthy();
});

test("a mounted part is drawn when its preloading ends", async () => {
  const Lazy = onDemand<Props>(loaded, { name: "the part" });
  render(<Lazy text="one" />);
  await act(() => Lazy.preload());
  expect(screen.getByText("Part: one")).toBeTruthy();
});

test("a failure names the part and its remedy, and the next attempt loads it", async () => {
  const user = userEvent.setup();
  const load = vi.fn(loaded).mockRejectedValueOnce(failed).mockRejectedValueOnce(failed);
  const Lazy = onDemand<Props>(load, { name: "the part" });
  await Lazy.preload();
  render(<Lazy text="one" />);
  const alert = await screen.findByRole("alert");
  expect(alert.textContent).toContain("Studio could not load the part.");
  expect(alert.textContent).toContain("try again");
  expect(screen.getByRole("button", { name: "Load the page again" })).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Try again" }));
  expect(await screen.findByText("Part: one")).toBeTruthy();
  expect(screen.queryByRole("alert")).toBeNull();
});

test("a failure is drawn in its frame, with the properties of the part", async () => {
  const Lazy = onDemand<Props>(() => Promise.reject(failed), {
    name: "the part",
    frame: (failure, { text }) => <section aria-label={text}>{failure}</section>,
  });
  render(<Lazy text="Frame" />);
  const frame = await screen.findByRole("region", { name: "Frame" });
  expect(frame.textContent).toContain("Studio could not load the part.");
});

test("a failure is printed with its error", async () => {
  const Lazy = onDemand<Props>(() => Promise.reject(failed), { name: "the part" });
  await Lazy.preload();
  expect(printed).not.toHaveBeenCalled();
  render(<Lazy text="one" />);
  await screen.findByRole("alert");
  expect(printed).toHaveBeenCalledExactlyOnceWith("Studio could not load the part:", failed);
});

test("the focus stays on the button during an attempt, and moves into the part after it", async () => {
  const user = userEvent.setup();
  let arrive = (): void => undefined;
  const second = new Promise<void>((resolve) => (arrive = resolve)).then(loaded);
  const load = vi.fn(loaded).mockRejectedValueOnce(failed).mockReturnValueOnce(second);
  const Lazy = onDemand<Props>(load, { name: "the part", frame: (failure) => <section>{failure}</section> });
  render(<Lazy text="one" />);
  const button = await screen.findByRole("button", { name: "Try again" });
  await user.click(button);
  await user.click(button);
  expect(load).toHaveBeenCalledTimes(2);
  expect(document.activeElement).toBe(button);
  await act(async () => arrive());
  await second;
  expect(document.activeElement).toBe(screen.getByRole("button", { name: "Inside" }));
});

test("a part that loads without a retry leaves the focus where it is", async () => {
  const Lazy = onDemand<Props>(vi.fn(loaded).mockRejectedValueOnce(failed), { name: "the part" });
  render(<Lazy text="one" />);
  await screen.findByRole("alert");
  await act(() => Lazy.preload());
  expect(screen.queryByRole("alert")).toBeNull();
  expect(screen.getByText("Part: one")).toBeTruthy();
  expect(document.activeElement).toBe(document.body);
});

test("after the second failure, the page is to be loaded again", async () => {
  const user = userEvent.setup();
  const Lazy = onDemand<Props>(() => Promise.reject(failed), { name: "the part" });
  render(<Lazy text="one" />);
  const retry = await screen.findByRole("button", { name: "Try again" });
  const reload = screen.getByRole("button", { name: "Load the page again" });
  const first = screen.getByRole("alert");
  expect([retry, reload].map((button) => button.classList.contains("primary"))).toEqual([true, false]);
  await user.click(retry);
  await vi.waitFor(() => expect([retry, reload].map((button) => button.classList.contains("primary"))).toEqual([false, true]));
  expect(screen.getByRole("alert")).not.toBe(first);
  expect(document.activeElement).toBe(retry);
});
