import { act, renderHook, waitFor } from "@testing-library/react";
import { expect, test } from "vitest";
import { useStaged } from "./useStaged";

test("parts are drawn one after the other, each once", async () => {
  const seen: number[] = [];
  renderHook(() => seen.push(useStaged(3)));
  expect(seen).toEqual([1]);
  await waitFor(() => expect(seen.at(-1)).toBe(3));
  await act(() => new Promise((done) => setTimeout(done, 50)));
  expect(seen).toEqual([1, 2, 3]);
});
