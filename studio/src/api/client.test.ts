import { afterEach, describe, expect, test, vi } from "vitest";
import { fakeFetch, Refused } from "../testing/backEnd";
import { isAbort, request, RequestError, send, whenSignedOut } from "./client";

afterEach(() => whenSignedOut(() => undefined));

async function failure(path: string): Promise<RequestError> {
  const error: unknown = await request(path).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(RequestError);
  return error as RequestError;
}

test("a change is sent as JSON, and an answer without content is undefined", async () => {
  const sent = fakeFetch({});
  expect(await request("/api/session", { method: "POST", body: { token: "t" } })).toBeUndefined();
  expect(sent).toEqual([{ method: "POST", path: "/api/session", body: { token: "t" } }]);
});

describe("a refusal", () => {
  test("has the back end's cause and remedy", async () => {
    const problem = { reason: "Forbidden", message: "You may not list runs.", remedy: "Ask for the role view.", current: null };
    fakeFetch({ "GET /api/runs": new Refused(403, problem) });
    expect((await failure("/api/runs")).problem).toEqual(problem);
  });

  test("without a body still has a cause and a remedy", async () => {
    vi.stubGlobal("fetch", () => Promise.resolve(new Response("<html>", { status: 502 })));
    const { problem, status } = await failure("/api/runs");
    expect([status, problem.message, problem.remedy !== ""]).toEqual([502, "Studio answered with status 502.", true]);
  });

  test("of the token ends the session", async () => {
    const ended = vi.fn();
    whenSignedOut(ended);
    fakeFetch({ "GET /api/runs": new Refused(401, { reason: "Expired", message: "The token has expired.", remedy: "", current: null }) });
    await failure("/api/runs");
    expect(ended).toHaveBeenCalledOnce();
  });
});

test("a failed connection names the remedy", async () => {
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
  const { problem, status } = await failure("/api/runs");
  expect([status, problem.reason]).toEqual([0, "Unreachable"]);
});

test("an answer that is not JSON is a problem of the answer", async () => {
  vi.stubGlobal("fetch", () => Promise.resolve(new Response("<html>", { status: 200 })));
  expect((await failure("/api/runs?namespace=x")).problem.reason).toBe("InvalidAnswer");
});

test("an end by the page itself is no problem", async () => {
  const abort = new AbortController();
  abort.abort();
  vi.stubGlobal("fetch", (_path: string, { signal }: RequestInit) => Promise.reject(signal?.reason as Error));
  const error: unknown = await send("/api/runs", { signal: abort.signal }).catch((reason: unknown) => reason);
  expect(isAbort(error)).toBe(true);
});
