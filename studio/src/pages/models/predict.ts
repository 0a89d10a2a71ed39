/** Requests for answers of a served model. Errors become those that the parts of the server's page show. */

import { Refusal } from "server-page/refusal.js";
import { problemOf, problemText, request, RequestError } from "../../api/client";
import { servedPath } from "../../api/paths";
import type { RunKey } from "../../wire";

/** Reason of a refusal without a valid key of the server. The status 401 is for the session of Studio. */
const KEY_REQUIRED = "KeyRequired";

export interface Client {
  predict: (body: Blob, type: string, options: { several: boolean; signal: AbortSignal }) => Promise<unknown>;
  infer: (body: string, options: { signal: AbortSignal }) => Promise<unknown>;
}

/**
 * Returns the functions that ask a server.
 *
 * @param server - The server.
 * @param keyOf - Returns its key, empty without one.
 */
export function clientOf(server: Pick<RunKey, "namespace" | "name">, keyOf: () => string): Client {
  async function ask(query: string, type: string, data: Blob | string, signal: AbortSignal): Promise<unknown> {
    const key = keyOf();
    try {
      return await request<unknown>(`${servedPath(server)}/predict${query}`, {
        method: "POST",
        content: { type, data },
        headers: key ? { "x-api-key": key } : {},
        signal,
      });
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw refusalOf(error);
    }
  }
  return {
    predict: (body, type, { several, signal }) => ask(`?show=true${several ? "&several=true" : ""}`, type, body, signal),
    infer: (body, { signal }) => ask("", "application/json", body, signal),
  };
}

function refusalOf(error: unknown): Refusal {
  const found = problemOf(error);
  const text = problemText(found);
  if (found.reason === KEY_REQUIRED) return new Refusal(401, text);
  // The form for signing in is shown above; a key of the server would not help.
  return new Refusal(error instanceof RequestError && !error.isSignedOut ? error.status : 0, text);
}
