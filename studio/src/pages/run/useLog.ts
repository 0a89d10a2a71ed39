/** The log of a run, followed by a stream. */

import { useEffect, useRef, useState } from "react";
import { useIsSignedOut } from "../../api/session";
import type { Problem } from "../../wire";
import { type LogLines, MAX_LOG_LINES, NO_LINES, appendText } from "./logLines";

/** Pause before the next connection after a lost one: longer after each failure, so that a server in trouble has few clients. */
const FIRST_PAUSE = 1000;
const MAX_PAUSE = 30_000;

export type LogState = "loading" | "following" | "ended" | "lost" | "refused";

export interface Log {
  lines: LogLines;
  state: LogState;
  problem: Problem | null;
}

/** Opens the stream of a log; rejects with a `RefusedLog`, or with another error if the connection fails. */
export type OpenLog = (signal: AbortSignal) => Promise<ReadableStream<Uint8Array>>;

/** An answer that another try does not change. */
export class RefusedLog extends Error {
  constructor(readonly problem: Problem) {
    super(problem.message);
  }
}

/**
 * Returns the last lines of a log, and follows it.
 *
 * A lost connection is opened again, and then has the last lines again. A stream that ends while the run goes on is
 * opened again, too: the pod of the next attempt has another log. After the end of a session the log waits for the next
 * one.
 */
export function useLog(open: OpenLog, isRunning: boolean, retry: number, firstPause = FIRST_PAUSE): Log {
  const [log, setLog] = useState<Log>({ lines: NO_LINES, state: "loading", problem: null });
  const running = useRef(isRunning);
  running.current = isRunning;
  const isSignedOut = useIsSignedOut();

  useEffect(() => {
    if (isSignedOut) return undefined;
    const abort = new AbortController();
    setLog({ lines: NO_LINES, state: "loading", problem: null });
    void follow(open, abort.signal, () => running.current, setLog, firstPause);
    return () => abort.abort();
  }, [open, retry, firstPause, isSignedOut]);

  return log;
}

async function follow(
  open: OpenLog,
  signal: AbortSignal,
  isRunning: () => boolean,
  report: (change: (log: Log) => Log) => void,
  firstPause: number,
): Promise<void> {
  for (let pause = firstPause; !signal.aborted; pause = Math.min(2 * pause, MAX_PAUSE)) {
    try {
      const stream = await open(signal);
      let received = NO_LINES;
      const frame = eachFrame(() => report(() => ({ lines: received, state: "following", problem: null })));
      report((log) => ({ ...log, state: "following", problem: null }));
      try {
        for await (const text of texts(stream)) {
          received = appendText(received, text);
          pause = firstPause;
          frame.request();
        }
      } finally {
        // A frame after the end would show the log as one that goes on.
        frame.cancel();
        if (!signal.aborted && received !== NO_LINES) report((log) => ({ ...log, lines: received }));
      }
      if (signal.aborted) return;
      report((log) => ({ ...log, state: isRunning() ? "lost" : "ended", problem: null }));
      if (!isRunning()) return;
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof RefusedLog) {
        report((log) => ({ ...log, state: "refused", problem: error.problem }));
        return;
      }
      report((log) => ({ ...log, state: "lost", problem: null }));
    }
    await sleep(pause, signal);
  }
}

async function* texts(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield decoder.decode(value, { stream: true });
    }
  } finally {
    reader.releaseLock();
  }
}

/** Returns a call that is made at most once a frame, when it was requested. */
function eachFrame(call: () => void): { request: () => void; cancel: () => void } {
  let frame: number | null = null;
  return {
    request() {
      frame ??= requestAnimationFrame(() => {
        frame = null;
        call();
      });
    },
    cancel() {
      if (frame !== null) cancelAnimationFrame(frame);
      frame = null;
    },
  };
}

function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Address parameters of the stream: the lines that the page keeps. */
export const LOG_QUERY = `follow=1&tail=${MAX_LOG_LINES}`;
