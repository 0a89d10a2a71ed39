/** An answer of the back end that is fetched again when its run changes. The last answer stays while that happens. */

import { useCallback, useEffect, useRef, useState } from "react";
import { isAbort, problemOf, request, RequestError } from "../../api/client";
import { useIsSignedOut } from "../../api/session";
import { useIsLost } from "../../stream/RunsProvider";
import type { Problem } from "../../wire";

export interface Resource<T> {
  /** The last answer; undefined before the first one. */
  data: T | undefined;
  /** Why the last request failed. */
  problem: Problem | null;
  isLoading: boolean;
  retry: () => void;
}

interface Found<T> {
  path: string;
  data: T | undefined;
  problem: Problem | null;
}

/**
 * Returns the answer of a path.
 *
 * There is one request at a time: another version waits until the request in flight has its answer, so that answers
 * arrive however slow they are. After the end of a session it waits for the next one, and then requests the answer again.
 * A request that failed without an answer is repeated when the stream has restored a lost connection.
 *
 * @param path - Null to request nothing.
 * @param version - Another version requests the answer again, such as the resourceVersion of its run.
 * @param apiKey - Key of a ModelServer; another key requests the answer again.
 */
export function useResource<T>(path: string | null, version: unknown = null, apiKey = ""): Resource<T> {
  const [found, setFound] = useState<Found<T>>({ path: "", data: undefined, problem: null });
  const [isLoading, setIsLoading] = useState(path !== null);
  const [tries, setTries] = useState(0);

  const isSignedOut = useIsSignedOut();
  const isLost = useIsLost();
  const isUnanswered = useRef(false);
  const load = useRef<() => void>(undefined);

  useEffect(() => {
    if (path === null || isSignedOut) return undefined;
    const abort = new AbortController();
    load.current = oneAtATime(async () => {
      setIsLoading(true);
      try {
        const headers = apiKey ? { "x-api-key": apiKey } : {};
        const data = await request<T>(path, { signal: abort.signal, headers });
        if (abort.signal.aborted) return;
        isUnanswered.current = false;
        setFound({ path, data, problem: null });
      } catch (error) {
        if (abort.signal.aborted || isAbort(error)) return;
        if (error instanceof RequestError && error.isSignedOut) return;
        isUnanswered.current = error instanceof RequestError && error.status === 0;
        // The last answer of the same path stays: it is the best that is known.
        setFound((last) => ({ path, data: last.path === path ? last.data : undefined, problem: problemOf(error) }));
      }
      setIsLoading(false);
    }, abort.signal);
    return () => {
      abort.abort();
      load.current = undefined;
    };
  }, [path, isSignedOut, apiKey]);

  useEffect(() => load.current?.(), [path, isSignedOut, apiKey, version, tries]);

  useEffect(() => {
    if (!isLost && isUnanswered.current) load.current?.();
  }, [isLost]);

  const retry = useCallback(() => setTries((count) => count + 1), []);
  const isCurrent = found.path === path;
  return { data: isCurrent ? found.data : undefined, problem: isCurrent ? found.problem : null, isLoading, retry };
}

/**
 * Returns a function that calls `load`, and after its end once more if it was called meanwhile.
 *
 * @param signal - Ends the calls.
 */
function oneAtATime(load: () => Promise<void>, signal: AbortSignal): () => void {
  let isRunning = false;
  let isWanted = false;
  const run = async () => {
    isRunning = true;
    while (isWanted && !signal.aborted) {
      isWanted = false;
      await load();
    }
    isRunning = false;
  };
  return () => {
    isWanted = true;
    if (!isRunning) void run();
  };
}
