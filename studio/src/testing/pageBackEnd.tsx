// A back end for tests of pages: answers to GET by path, and the runs of the stream.
import { act, render, type RenderResult } from "@testing-library/react";
import type { ReactNode } from "react";
import { RunsProvider } from "../stream/RunsProvider";
import type { RunDetail, RunSummary, RunsUpdate } from "../wire";
import { fakeFetch, fakeRim, Refused, type SentRequest } from "./backEnd";
import { makeRun } from "./runs";

export interface PageBackEnd {
  /** Answers by method and path; a test may change them. */
  answers: Record<string, unknown>;
  /** Paths of the requests, with their queries. */
  paths: () => string[];
  /** Bodies of the requests of a path. */
  bodies: (path: string) => unknown[];
  /** Sends an update of the stream. */
  update: (update: RunsUpdate) => void;
  show: (page: ReactNode) => RenderResult;
}

/** Returns a refusal of the back end. */
export function refusal(status: number, reason: string, message: string, remedy = ""): Refused {
  return new Refused(status, { reason, message, remedy, current: null });
}

/** Returns a back end that answers all requests of a test; without an answer a path does not exist. */
export function pageBackEnd(answers: Record<string, unknown>, runs: readonly RunSummary[] = []): PageBackEnd {
  const missing = refusal(404, "NotFound", "It does not exist.");
  const known = new Proxy(answers, { get: (target, path: string) => target[path] ?? missing });
  const sent: SentRequest[] = fakeFetch(known);
  const { rim, channels } = fakeRim();
  const update = (found: RunsUpdate) => channels.at(-1)?.send("runs", found);
  return {
    answers,
    paths: () => sent.map(({ path }) => path),
    bodies: (path) => sent.filter((request) => request.path === path).map(({ body }) => body),
    update,
    show(page) {
      const result = render(
        <RunsProvider namespace="vision" isActive rim={rim}>
          {page}
        </RunsProvider>,
      );
      act(() => update({ isFirst: true, isComplete: true, changed: [...runs], removed: [] }));
      return result;
    },
  };
}

/** Returns the summary of a run. */
export function summary(changes: Partial<RunSummary> = {}): RunSummary {
  return makeRun({ namespace: "vision", percent: 30, epoch: 3, epochs: 10, ...changes });
}

/** Returns the details of a run. */
export function detail(changes: Partial<RunSummary> = {}, more: Partial<RunDetail> = {}): RunDetail {
  return {
    summary: summary(changes),
    object: {},
    yaml: "kind: TrainingJob\n",
    permissions: ["log", "storage"],
    entries: [],
    entriesProblem: null,
    timeline: [],
    layers: [],
    ...more,
  };
}
