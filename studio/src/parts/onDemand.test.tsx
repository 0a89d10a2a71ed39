import { act, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";
import { onDemand } from "./onDemand";

interface Props {
  text: string;
}

function Part({ text }: Props) {
  return <p>Part: {text}</p>;
}

const loaded = async () => ({ default: Part });

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
  const load = vi.fn(loaded).mockRejectedValueOnce(new TypeError("Failed to fetch")).mockRejectedValueOnce(new TypeError("Failed to fetch"));
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
  const Lazy = onDemand<Props>(() => Promise.reject(new TypeError("Failed to fetch")), {
    name: "the part",
    frame: (failure, { text }) => <section aria-label={text}>{failure}</section>,
  });
  render(<Lazy text="Frame" />);
  const frame = await screen.findByRole("region", { name: "Frame" });
  expect(frame.textContent).toContain("Studio could not load the part.");
});
