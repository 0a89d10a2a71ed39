/** The stream of a run's log. */

import { RequestError, send } from "../../api/client";
import { runPath } from "../../api/paths";
import type { RunKey } from "../../wire";
import { LOG_QUERY, type OpenLog, RefusedLog } from "./useLog";

const UNAUTHORIZED = 401;
const TOO_MANY_REQUESTS = 429;
const SERVER_ERROR = 500;

/** Returns the function that opens the log of a run. */
export function logOf(run: RunKey): OpenLog {
  return async (signal) => {
    let response: Response;
    try {
      response = await send(`${runPath(run)}/log?${LOG_QUERY}`, { signal, isStream: true });
    } catch (error) {
      if (error instanceof RequestError && isFinal(error.status)) throw new RefusedLog(error.problem);
      throw error;
    }
    return response.body ?? new ReadableStream();
  };
}

/** Returns whether another try of the same request has the same answer. A session that has ended is followed by another one. */
function isFinal(status: number): boolean {
  return status >= 400 && status < SERVER_ERROR && status !== UNAUTHORIZED && status !== TOO_MANY_REQUESTS;
}
