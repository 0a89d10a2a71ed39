import { act, renderHook, waitFor } from "@testing-library/react";
import { expect, test } from "vitest";
import { signIn } from "../../api/session";
import { RunsProvider } from "../../stream/RunsProvider";
import { fakeFetch, fakeRim } from "../../testing/backEnd";
import { refusal } from "../../testing/pageBackEnd";
import { useResource } from "./useResource";

/** Returns answers that a test sends one by one, and their requests. */
function slowBackEnd() {
  const waiting: ((answer: unknown) => void)[] = [];
  const answer = () => new Promise((resolve) => waiting.push(resolve));
  const sent = fakeFetch({ "GET /api/a": answer, "GET /api/b": answer });
  return { sent, send: (found: unknown) => act(async () => waiting.shift()?.(found)) };
}

function shown(path: string) {
  return renderHook((props: { path: string; version: number }) => useResource<string>(props.path, props.version), {
    initialProps: { path, version: 1 },
  });
}

test("answers arrive although versions are faster, and the newest version is fetched once", async () => {
  const { sent, send } = slowBackEnd();
  const { result, rerender } = shown("/api/a");
  for (const version of [2, 3, 4]) rerender({ path: "/api/a", version });
  expect(sent).toHaveLength(1);
  await send("first");
  expect(result.current.data).toBe("first");
  expect(sent).toHaveLength(2);
  await send("newest");
  expect(result.current).toMatchObject({ data: "newest", isLoading: false });
  expect(sent).toHaveLength(2);
});

test("another path does not wait, and the late answer of the last one is not shown", async () => {
  const { sent, send } = slowBackEnd();
  const { result, rerender } = shown("/api/a");
  rerender({ path: "/api/b", version: 1 });
  expect(sent.map(({ path }) => path)).toEqual(["/api/a", "/api/b"]);
  await send("late");
  expect(result.current.data).toBeUndefined();
  await send("current");
  await waitFor(() => expect(result.current.data).toBe("current"));
});

test("after the end of the session, it waits for the next one without a problem", async () => {
  const ended = refusal(401, "Expired", "Your sign-in has ended.");
  const answers: Record<string, unknown> = { "GET /api/a": ended, "POST /api/session": { user: "ada" } };
  const sent = fakeFetch(answers);
  await signIn("token");
  const { result, rerender } = shown("/api/a");
  await waitFor(() => expect(sent).toHaveLength(2));
  rerender({ path: "/api/a", version: 2 });
  expect(sent).toHaveLength(2);
  expect(result.current).toMatchObject({ data: undefined, problem: null });
  answers["GET /api/a"] = "found";
  await act(() => signIn("another"));
  await waitFor(() => expect(result.current.data).toBe("found"));
  expect(sent).toHaveLength(4);
});

test("an answer that failed during a lost connection is requested again after its return", async () => {
  const answers: Record<string, unknown> = { "GET /api/a": () => Promise.reject(new TypeError("Failed to fetch")) };
  fakeFetch(answers);
  const { rim, channels } = fakeRim();
  const { result } = renderHook(() => useResource<string>("/api/a"), {
    wrapper: ({ children }) => <RunsProvider namespace="team-a" isActive rim={rim}>{children}</RunsProvider>,
  });
  act(() => channels[0]?.send("error", null));
  await waitFor(() => expect(result.current.problem?.reason).toBe("Unreachable"));
  answers["GET /api/a"] = "found";
  await waitFor(() => expect(channels).toHaveLength(2), { timeout: 5000 });
  expect(result.current.data).toBeUndefined();
  act(() => channels[1]?.send("connection", { isConnected: true, kinds: ["TrainingJob"], problem: null }));
  await waitFor(() => expect(result.current.data).toBe("found"));
});
