import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FakeUpload } from "../testing/uploads";
import { isAbort, RequestError, whenSignedOut } from "./client";
import { upload } from "./upload";

const FILE = new Blob(["0123456789"]);

beforeEach(() => {
  FakeUpload.all = [];
  vi.stubGlobal("XMLHttpRequest", FakeUpload);
});
afterEach(() => whenSignedOut(() => undefined));

function begin(signal = new AbortController().signal) {
  const sent: number[] = [];
  const result = upload("/api/x", FILE, { signal, onProgress: (bytes) => sent.push(bytes) }).catch((error: unknown) => error);
  const [request] = FakeUpload.all;
  if (!request) throw new Error("nothing is sent");
  return { request, result, sent };
}

test("the file itself is sent, and its progress is reported", async () => {
  const { request, result, sent } = begin();
  request.progress(5);
  request.answer(200, { key: "a", size: 10, modified: null });
  expect(await result).toEqual({ key: "a", size: 10, modified: null });
  expect(request.sent).toBe(FILE);
  expect(sent).toEqual([5]);
});

test("a refusal has the cause of the back end, and an ended session is announced", async () => {
  const ended = vi.fn();
  whenSignedOut(ended);
  const { request, result } = begin();
  request.answer(401, { reason: "Expired", message: "The token has expired.", remedy: "Sign in." });
  const error = await result;
  expect(error).toBeInstanceOf(RequestError);
  expect((error as RequestError).problem.reason).toBe("Expired");
  expect(ended).toHaveBeenCalledOnce();
});

test("a broken connection and an upload that stands still are problems", async () => {
  const broken = begin();
  broken.request.fail();
  expect(((await broken.result) as RequestError).problem.reason).toBe("Unreachable");

  vi.useFakeTimers();
  FakeUpload.all = [];
  const silent = begin();
  await vi.advanceTimersByTimeAsync(100_000);
  silent.request.progress(1);
  await vi.advanceTimersByTimeAsync(100_000);
  expect(silent.request.isAborted).toBe(false);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(((await silent.result) as RequestError).problem.reason).toBe("Timeout");
  expect(silent.request.isAborted).toBe(true);
});

test("a cancelled upload ends its request, and is no problem", async () => {
  const abort = new AbortController();
  const { request, result } = begin(abort.signal);
  abort.abort();
  expect(isAbort(await result)).toBe(true);
  expect(request.isAborted).toBe(true);
});
