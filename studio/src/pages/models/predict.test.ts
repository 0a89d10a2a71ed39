import { expect, test, vi } from "vitest";
import { Refusal } from "server-page/refusal.js";
import { clientOf } from "./predict";

const SERVER = { namespace: "vision", name: "digits" };

function answering(status: number, body: unknown) {
  const fetched = vi.fn((_path: string, _init: RequestInit) => Promise.resolve(new Response(JSON.stringify(body), { status })));
  vi.stubGlobal("fetch", fetched);
  return () => {
    const [path, init] = fetched.mock.lastCall ?? [];
    return { path, headers: init?.headers as Record<string, string>, body: init?.body };
  };
}

const { signal } = new AbortController();

test("a picture is sent with its type, the key, and the header that no form can send", async () => {
  const sent = answering(200, { name: "seven" });
  const picture = new Blob(["png"], { type: "image/png" });
  expect(await clientOf(SERVER, () => "a key").predict(picture, "image/png", { several: true, signal })).toEqual({ name: "seven" });
  const { path, headers, body } = sent();
  expect(path).toBe("/api/servers/vision/digits/predict?show=true&several=true");
  expect(headers).toMatchObject({ "content-type": "image/png", "epochal-studio": "1", "x-api-key": "a key" });
  expect(body).toBe(picture);
});

test("without a key there is no header for it, and a request has no query", async () => {
  const sent = answering(200, { outputs: [] });
  await clientOf(SERVER, () => "").infer("{}", { signal });
  expect(sent().path).toBe("/api/servers/vision/digits/predict");
  expect(sent().headers).not.toHaveProperty("x-api-key");
});

test.each([
  [403, "KeyRequired", 401],
  [403, "Forbidden", 403],
  [413, "TooLarge", 413],
  [401, "Expired", 0],
])("the status %d with the reason %s is the refusal %d", async (status, reason, expected) => {
  answering(status, { reason, message: "Not so.", remedy: "Do this." });
  const error: unknown = await clientOf(SERVER, () => "").infer("{}", { signal }).catch((found: unknown) => found);
  expect(error).toBeInstanceOf(Refusal);
  expect(error).toMatchObject({ status: expected, message: "Not so. Do this." });
});

test("a newer request ends the last one without a message", async () => {
  const end = new AbortController();
  vi.stubGlobal("fetch", (_path: string, init: RequestInit) => {
    end.abort();
    return Promise.reject(init.signal?.reason as Error);
  });
  await expect(clientOf(SERVER, () => "").infer("{}", { signal: end.signal })).rejects.toMatchObject({ name: "AbortError" });
});
