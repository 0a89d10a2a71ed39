// A back end for tests: answers by method and path, a record of requests, and streams that a test drives.
import { vi } from "vitest";
import { problemOf } from "../api/client";
import type { EventChannel, StreamRim } from "../stream/client";
import type { Problem } from "../wire";

export interface SentRequest {
  method: string;
  path: string;
  body: unknown;
}

type Answer = unknown;

/** An answer with another status than 200. */
export class Refused {
  readonly status: number;
  readonly problem: Problem;

  constructor(status: number, problem: Problem) {
    this.status = status;
    this.problem = problem;
  }
}

/** Replaces fetch. `answers` maps `GET /api/session` to its answer, or to a function of the body, which may return a promise. */
export function fakeFetch(answers: Record<string, Answer>): SentRequest[] {
  const sent: SentRequest[] = [];
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
    const method = init.method ?? "GET";
    const body: unknown = typeof init.body === "string" ? JSON.parse(init.body) : undefined;
    sent.push({ method, path, body });
    const found = answers[`${method} ${path.split("?")[0]}`];
    const answer: unknown = await (typeof found === "function" ? (found as (body: unknown) => unknown)(body) : found);
    if (answer instanceof Refused) return new Response(JSON.stringify(answer.problem), { status: answer.status });
    if (answer === undefined) return new Response(null, { status: 204 });
    return new Response(JSON.stringify(answer), { status: 200 });
  });
  return sent;
}

export class FakeChannel implements EventChannel {
  readonly address: string;
  isClosed = false;
  readonly #listeners = new Map<string, (event: MessageEvent<string>) => void>();

  constructor(address: string) {
    this.address = address;
  }

  addEventListener(type: string, listener: (event: MessageEvent<string>) => void): void {
    this.#listeners.set(type, listener);
  }

  close(): void {
    this.isClosed = true;
  }

  send(type: string, data: unknown): void {
    this.#listeners.get(type)?.({ data: JSON.stringify(data) } as MessageEvent<string>);
  }
}

/** Returns the rim of a stream, and the channels that it opens. */
export function fakeRim(checks: Partial<Pick<StreamRim, "checkSession" | "checkStream">> = {}): { rim: StreamRim; channels: FakeChannel[] } {
  const channels: FakeChannel[] = [];
  const rim: StreamRim = {
    open: (address) => {
      const channel = new FakeChannel(address);
      channels.push(channel);
      return channel;
    },
    checkSession: () => Promise.resolve(),
    checkStream: () => Promise.resolve(),
    ...checks,
    problemOf,
  };
  return { rim, channels };
}
