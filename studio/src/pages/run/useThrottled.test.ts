import { act, renderHook } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { useThrottled } from "./useThrottled";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("changes arrive at most once a period, the last one always", () => {
  const { result, rerender } = renderHook(({ value }) => useThrottled(value, 1000), { initialProps: { value: 0 } });
  const seen = new Set([result.current]);
  for (let value = 1; value <= 50; value += 1) {
    rerender({ value });
    act(() => {
      vi.advanceTimersByTime(50);
    });
    seen.add(result.current);
  }
  expect(seen.size).toBeLessThanOrEqual(4);
  act(() => {
    vi.advanceTimersByTime(1000);
  });
  expect(result.current).toBe(50);
});

test("a change after a quiet period arrives at once", () => {
  const { result, rerender } = renderHook(({ value }) => useThrottled(value, 1000), { initialProps: { value: "a" } });
  act(() => {
    vi.advanceTimersByTime(5000);
  });
  rerender({ value: "b" });
  act(() => {
    vi.advanceTimersByTime(0);
  });
  expect(result.current).toBe("b");
});
