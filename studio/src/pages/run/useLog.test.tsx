import { act, renderHook, waitFor } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { signIn } from "../../api/session";
import { fakeFetch } from "../../testing/backEnd";
import { refusal } from "../../testing/pageBackEnd";
import { makeRun } from "../../testing/runs";
import { allLines } from "./logLines";
import { logOf } from "./openLog";
import { RefusedLog, useLog } from "./useLog";

const bytes = (text: string) => new TextEncoder().encode(text);

function stream(...pieces: string[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      pieces.forEach((piece) => controller.enqueue(bytes(piece)));
      controller.close();
    },
  });
}

test("a log of an ended run is read once", async () => {
  const open = vi.fn(() => Promise.resolve(stream("Epoch 1\nEpo", "ch 2\n")));
  const { result } = renderHook(() => useLog(open, false, 0));
  await waitFor(() => expect(result.current.state).toBe("ended"));
  expect(allLines(result.current.lines)).toEqual(["Epoch 1", "Epoch 2"]);
  expect(open).toHaveBeenCalledTimes(1);
});

test("a lost connection keeps the lines, and is opened again", async () => {
  const open = vi
    .fn<() => Promise<ReadableStream<Uint8Array>>>()
    .mockResolvedValueOnce(stream("one\n"))
    .mockRejectedValueOnce(new TypeError("network"))
    .mockResolvedValue(new ReadableStream());
  const { result } = renderHook(() => useLog(open, true, 0, 50));
  await waitFor(() => expect(result.current.state).toBe("lost"));
  expect(allLines(result.current.lines)).toEqual(["one"]);
  await waitFor(() => expect(open).toHaveBeenCalledTimes(2));
  expect(allLines(result.current.lines)).toEqual(["one"]);
  await waitFor(() => expect(result.current.state).toBe("following"));
  expect(open).toHaveBeenCalledTimes(3);
  expect(allLines(result.current.lines)).toEqual(["one"]);
});

test("a refusal has its cause, and is not tried again", async () => {
  const problem = { reason: "Forbidden", message: "You may not read logs.", remedy: "Ask for the role view." };
  const open = vi.fn(() => Promise.reject(new RefusedLog(problem)));
  const { result } = renderHook(() => useLog(open, true, 0));
  await waitFor(() => expect(result.current.state).toBe("refused"));
  expect(result.current.problem).toEqual(problem);
  expect(open).toHaveBeenCalledTimes(1);
});

test("after the end of the session, the log waits for the next one", async () => {
  const path = "GET /api/runs/TrainingJob/team-a/mnist/log";
  const answers: Record<string, unknown> = { "POST /api/session": { user: "ada" } };
  answers[path] = refusal(401, "Expired", "Your sign-in has ended.");
  const sent = fakeFetch(answers);
  await signIn("token");
  const open = logOf(makeRun());
  const { result } = renderHook(() => useLog(open, false, 0, 20));
  await waitFor(() => expect(sent).toHaveLength(2));
  await act(() => new Promise((resolve) => setTimeout(resolve, 100)));
  expect(sent).toHaveLength(2);
  expect(result.current.state).not.toBe("refused");
  answers[path] = "one";
  await act(() => signIn("another"));
  await waitFor(() => expect(result.current.state).toBe("ended"));
  expect(allLines(result.current.lines)).toEqual(['"one"']);
});

test("the stream ends with the page", async () => {
  let signal: AbortSignal | undefined;
  const open = vi.fn((given: AbortSignal) => {
    signal = given;
    return Promise.resolve(new ReadableStream<Uint8Array>());
  });
  const { unmount } = renderHook(() => useLog(open, true, 0));
  await waitFor(() => expect(open).toHaveBeenCalled());
  unmount();
  expect(signal?.aborted).toBe(true);
});
