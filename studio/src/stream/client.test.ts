import { beforeEach, describe, expect, test, vi } from "vitest";
import { RequestError } from "../api/client";
import { fakeRim, type FakeChannel } from "../testing/backEnd";
import { makeRun } from "../testing/runs";
import { BATCH, RELEASE, RunsStream, SILENCE, WAITS } from "./client";
import { RunsStore } from "./store";

const CONNECTED = { isConnected: true, kinds: ["TrainingJob"], problem: null };
const COMPLETE = { isFirst: true, isComplete: true, changed: [makeRun()], removed: [] };

beforeEach(() => {
  vi.useFakeTimers();
});

function started(checks?: Parameters<typeof fakeRim>[0]) {
  const { rim, channels } = fakeRim(checks);
  const store = new RunsStore();
  const stream = new RunsStream("team-a", store, rim);
  stream.start();
  return { store, stream, channels, last: () => channels.at(-1) as FakeChannel };
}

test("the stream asks for its namespace, and is live after the first event", () => {
  const { stream, last, store } = started();
  expect(last().address).toBe("/api/stream?namespace=team-a");
  expect(stream.status().status).toBe("connecting");
  last().send("connection", CONNECTED);
  last().send("runs", COMPLETE);
  expect(stream.status()).toEqual({ status: "live", connection: CONNECTED });
  expect(store.isLoaded).toBe(true);
});

test("updates of a short time are applied together", () => {
  const { last, store } = started();
  last().send("runs", COMPLETE);
  const listener = vi.fn();
  store.subscribe(listener);
  for (const version of ["2", "3", "4"]) {
    last().send("runs", { isFirst: false, isComplete: false, changed: [makeRun({ resourceVersion: version })], removed: [] });
  }
  expect(listener).not.toHaveBeenCalled();
  vi.advanceTimersByTime(BATCH);
  expect(listener).toHaveBeenCalledOnce();
});

describe("a lost connection", () => {
  test("is shown, and restored after the first wait", async () => {
    const { stream, channels, last } = started();
    last().send("connection", CONNECTED);
    last().send("error", null);
    expect(stream.status().status).toBe("lost");
    expect(channels[0]?.isClosed).toBe(true);
    await vi.advanceTimersByTimeAsync(WAITS[0]);
    expect(channels).toHaveLength(2);
    last().send("connection", CONNECTED);
    expect(stream.status().status).toBe("live");
  });

  test("waits longer after each failed try, and names the last cause", async () => {
    const refusal = new RequestError({ reason: "Unreachable", message: "Studio cannot be reached.", remedy: "", current: null }, 0);
    const { stream, channels, last } = started({ checkSession: () => Promise.reject(refusal) });
    last().send("error", null);
    await vi.advanceTimersByTimeAsync(WAITS[0]);
    expect(stream.status()).toMatchObject({ status: "lost", problem: refusal.problem, retryAt: Date.now() + WAITS[1] });
    await vi.advanceTimersByTimeAsync(WAITS[1]);
    expect(stream.status()).toMatchObject({ retryAt: Date.now() + WAITS[2] });
    expect(channels).toHaveLength(1);
  });

  test("of a refused stream names the cause, and ends when the refusal ends", async () => {
    const refusal = new RequestError({ reason: "Overloaded", message: "Too many pages are open.", remedy: "Close one.", current: null }, 503);
    const checkStream = vi.fn<() => Promise<void>>().mockRejectedValueOnce(refusal).mockResolvedValue(undefined);
    const { stream, channels, last } = started({ checkStream });
    last().send("error", null);
    await vi.advanceTimersByTimeAsync(WAITS[0]);
    expect(stream.status()).toMatchObject({ status: "lost", problem: refusal.problem });
    expect(channels).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(WAITS[1] + RELEASE);
    expect(channels).toHaveLength(2);
    last().send("connection", CONNECTED);
    last().send("error", null);
    await vi.advanceTimersByTimeAsync(WAITS[0]);
    expect(channels).toHaveLength(3);
    expect(checkStream).toHaveBeenCalledTimes(2);
  });

  test("is noticed by its silence", () => {
    const { stream, last } = started();
    last().send("connection", CONNECTED);
    vi.advanceTimersByTime(SILENCE - 1);
    last().send("connection", CONNECTED);
    vi.advanceTimersByTime(SILENCE - 1);
    expect(stream.status().status).toBe("live");
    vi.advanceTimersByTime(1);
    expect(stream.status().status).toBe("lost");
  });

  test("is not restored after a stop", async () => {
    const { stream, channels, last } = started();
    last().send("error", null);
    stream.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(channels).toHaveLength(1);
    expect(stream.status().status).toBe("paused");
  });
});

test("events of an earlier connection change nothing", () => {
  const { stream, store, channels } = started();
  stream.start();
  channels[0]?.send("runs", COMPLETE);
  channels[0]?.send("error", null);
  expect(store.isLoaded).toBe(false);
  expect(stream.status().status).toBe("connecting");
});
