import { render, screen } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import { App } from "./App";
import { start } from "./start";
import { RunsStream } from "./stream/client";
import { takeEarly } from "./stream/early";
import { RunsStore } from "./stream/store";
import { fakeFetch, FakeChannel, fakeRim, Refused } from "./testing/backEnd";
import { makeRun } from "./testing/runs";

const SESSION = { user: "ada", expires: null, namespaces: ["team-a"], isProxied: false, storageEndpoints: [] };
const SIGNED_OUT = new Refused(401, { reason: "NoToken", message: "You are not signed in.", remedy: "", current: null });
const CONNECTED = { isConnected: true, kinds: ["TrainingJob"], problem: null };
const COMPLETE = { isFirst: true, isComplete: true, changed: [makeRun({ name: "mnist" })], removed: [] };
const RUNS = { pathname: "/", search: "?namespace=team-a" };

let opened: FakeChannel[] = [];

beforeEach(() => {
  opened = [];
  vi.stubGlobal("EventSource", class extends FakeChannel {
    constructor(address: string) {
      super(address);
      opened.push(this);
    }
  });
});

test("the list is on its way before the back end has told who is signed in, and the page takes what has arrived", async () => {
  window.history.replaceState(null, "", "/?namespace=team-a");
  let answer: (session: unknown) => void = () => undefined;
  fakeFetch({ "GET /api/session": () => new Promise((resolve) => { answer = resolve; }) });
  const started = start(RUNS);
  render(<App />);
  expect(opened.map(({ address }) => address)).toEqual(["/api/stream?namespace=team-a"]);
  opened[0]?.send("connection", CONNECTED);
  opened[0]?.send("runs", COMPLETE);
  await vi.waitFor(() => answer(SESSION));
  await started;
  expect(await screen.findByText("mnist")).toBeTruthy();
  expect(opened).toHaveLength(1);
  expect(opened[0]?.isClosed).toBe(false);
});

test("a user who is not signed in has no stream", async () => {
  fakeFetch({ "GET /api/session": SIGNED_OUT });
  await start(RUNS);
  expect(opened.map(({ isClosed }) => isClosed)).toEqual([true]);
  expect(takeEarly("/api/stream?namespace=team-a")).toBeUndefined();
});

test("without a namespace in the address there is no early stream", async () => {
  fakeFetch({ "GET /api/session": SESSION });
  await start({ pathname: "/", search: "" });
  expect(opened).toEqual([]);
});

test("an early stream that is lost is not taken, and does not try again itself", async () => {
  fakeFetch({ "GET /api/session": SESSION });
  await start(RUNS);
  opened[0]?.send("error", null);
  expect(opened[0]?.isClosed).toBe(true);
  expect(takeEarly("/api/stream?namespace=team-a")).toBeUndefined();
});

test("the early stream of another namespace is closed", async () => {
  fakeFetch({ "GET /api/session": SESSION });
  await start(RUNS);
  expect(takeEarly("/api/stream?namespace=team-b")).toBeUndefined();
  expect(opened[0]?.isClosed).toBe(true);
});

test("a loss after the page has taken the stream is shown", async () => {
  fakeFetch({ "GET /api/session": SESSION });
  await start(RUNS);
  const { rim } = fakeRim();
  const stream = new RunsStream("team-a", new RunsStore(), { ...rim, open: (address) => takeEarly(address) ?? rim.open(address) });
  stream.start();
  opened[0]?.send("connection", CONNECTED);
  expect(stream.status().status).toBe("live");
  opened[0]?.send("error", null);
  expect(stream.status().status).toBe("lost");
  stream.stop();
});
