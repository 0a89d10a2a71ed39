import { act, render, screen } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { announce, LiveRegion, Notices, notify, PAUSE, summarize } from "./announcements";

test("many changes become one sentence", () => {
  expect(summarize(["a is Running"])).toBe("a is Running.");
  expect(summarize(["a", "b", "c", "d", "e"])).toBe("c. d. e. And 2 more changes.");
});

test("sentences are spoken together, with a pause between", () => {
  vi.useFakeTimers();
  render(<LiveRegion />);
  act(() => {
    announce(["mnist is Complete"]);
    vi.advanceTimersByTime(300);
  });
  expect(screen.getByRole("status").textContent).toBe("mnist is Complete.");
  act(() => {
    announce(["a is Failed"]);
    announce(["b is Failed"]);
    vi.advanceTimersByTime(PAUSE - 1);
  });
  expect(screen.getByRole("status").textContent).toBe("mnist is Complete.");
  act(() => {
    vi.advanceTimersByTime(1);
  });
  expect(screen.getByRole("status").textContent).toBe("a is Failed. b is Failed.");
  act(() => {
    vi.advanceTimersByTime(PAUSE);
  });
});

test("a notice leaves by itself", () => {
  vi.useFakeTimers();
  render(<Notices />);
  act(() => notify("mnist is deleted."));
  expect(screen.getByText("mnist is deleted.")).toBeTruthy();
  act(() => {
    vi.advanceTimersByTime(10_000);
  });
  expect(screen.queryByText("mnist is deleted.")).toBeNull();
});
