import { act, renderHook } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { loadSession } from "../api/session";
import { fakeFetch, Refused } from "../testing/backEnd";
import { MAX_YAML, type Checked, type CheckRequest } from "../wire";
import { QUIET, useCheck } from "./useCheck";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const answer = (parameters: number): Checked => ({ problems: [], layers: [], parameters, isBuilt: true });
const refused = (status: number, reason: string) => new Refused(status, { reason, message: "", remedy: "", current: null });
const yamls = (sent: readonly { body: unknown }[]) => sent.map(({ body }) => (body as CheckRequest).yaml);
const wait = (milliseconds = 1_000) => act(() => vi.advanceTimersByTimeAsync(milliseconds));

test("only the newest text is asked about, and the answer to an older one is dropped", async () => {
  const waiting = new Map<string, (checked: Checked) => void>();
  const sent = fakeFetch({ "POST /api/check": (body: unknown) => new Promise((resolve) => waiting.set((body as { yaml: string }).yaml, resolve)) });
  const { result, rerender } = renderHook(useCheck, { initialProps: "a" });
  rerender("b");
  await wait();
  expect(yamls(sent)).toEqual(["b"]);
  rerender("c");
  await wait();
  waiting.get("b")?.(answer(1));
  await wait();
  expect(result.current).toMatchObject({ checked: undefined, isChecking: true });
  waiting.get("c")?.(answer(2));
  await wait();
  expect(result.current).toMatchObject({ checked: { parameters: 2 }, checkedText: "c", isChecking: false });
});

test("a change after a rest is sent at once, and of those that follow it only the last one", async () => {
  const sent = fakeFetch({ "POST /api/check": answer(1) });
  const { rerender } = renderHook(useCheck, { initialProps: "a" });
  await wait();
  rerender("b");
  await wait(0);
  expect(yamls(sent)).toEqual(["a", "b"]);
  for (const text of ["bc", "bcd", "bcde"]) {
    rerender(text);
    await wait(QUIET - 1);
  }
  expect(sent).toHaveLength(2);
  await wait(1);
  expect(yamls(sent).slice(2)).toEqual(["bcde"]);
  expect(new Set(sent.map(({ body }) => (body as CheckRequest).page)).size).toBe(1);
});

test("a failed request keeps the last answer, names its cause, and is sent again on demand", async () => {
  const answers: Record<string, unknown> = { "POST /api/check": answer(5) };
  const sent = fakeFetch(answers);
  const { result, rerender } = renderHook(useCheck, { initialProps: "a" });
  await wait();
  answers["POST /api/check"] = refused(503, "Busy");
  rerender("b");
  await wait();
  expect(result.current).toMatchObject({ checked: { parameters: 5 }, checkedText: "a", isChecking: false, problem: { reason: "Busy" } });
  answers["POST /api/check"] = answer(6);
  act(() => result.current.retry());
  await wait();
  expect(result.current).toMatchObject({ checked: { parameters: 6 }, checkedText: "b", problem: null });
  expect(sent).toHaveLength(3);
  rerender("x".repeat(MAX_YAML + 1));
  await wait();
  expect(result.current.problem?.reason).toBe("TooLarge");
  expect(sent).toHaveLength(3);
});

test("a document whose session has ended is checked after the next sign-in", async () => {
  const session = { user: "ada", expires: null, namespaces: [], isProxied: false, storageEndpoints: [] };
  const answers: Record<string, unknown> = { "GET /api/session": session, "POST /api/check": refused(401, "SignedOut") };
  fakeFetch(answers);
  await act(loadSession);
  const { result } = renderHook(useCheck, { initialProps: "a" });
  await wait();
  expect(result.current).toMatchObject({ checked: undefined, problem: null });
  answers["POST /api/check"] = answer(7);
  await wait();
  expect(result.current.checked).toBeUndefined();
  await act(loadSession);
  await wait();
  expect(result.current.checked?.parameters).toBe(7);
});
