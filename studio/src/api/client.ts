// Requests to the back end: typed answers, and errors that name cause and remedy.
import type { Problem } from "../wire";

/** Time that a request may take, in milliseconds. The back end has shorter limits of its own. */
const TIMEOUT = 60_000;

/** A refusal of the back end, or a failed connection. */
export class RequestError extends Error {
  readonly problem: Problem;
  /** The HTTP status; 0 if there was no answer. */
  readonly status: number;

  constructor(problem: Problem, status: number) {
    super(problem.message);
    this.name = "RequestError";
    this.problem = problem;
    this.status = status;
  }

  /** Whether the user has to sign in again. */
  get isSignedOut(): boolean {
    return this.status === 401;
  }
}

/** Returns a problem whose object is not there. */
export function problem(reason: string, message: string, remedy: string): Problem {
  return { reason, message, remedy, current: null };
}

/** Returns the problem of any error, for display. */
export function problemOf(error: unknown): Problem {
  if (error instanceof RequestError) return error.problem;
  const message = error instanceof Error ? error.message : String(error);
  return problem("PageError", `The page failed: ${message}`, "Reload the page.");
}

/** Returns the message of a problem with its remedy. */
export function problemText({ message, remedy }: Problem): string {
  return remedy ? `${message} ${remedy}` : message;
}

export interface RequestOptions {
  method?: "GET" | "POST" | "DELETE";
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it is, with its content type, in place of `body`. */
  content?: { type: string; data: Blob | string };
  headers?: Readonly<Record<string, string>>;
  signal?: AbortSignal;
  /** Content type of the answer. */
  accept?: string;
  /** Whether the body never ends, so that the time limit holds for its begin alone. */
  isStream?: boolean;
  /** Time that the request may take, in milliseconds, also to send its body. */
  timeout?: number;
}

let onSignedOut: () => void = () => undefined;

/** Sets the function that is called whenever an answer says that the session has ended. */
export function whenSignedOut(listener: () => void): void {
  onSignedOut = listener;
}

/** Returns the JSON of an answer.
 *
 * Throws RequestError if the back end refuses, or cannot be reached.
 */
export async function request<Answer>(path: string, options: RequestOptions = {}): Promise<Answer> {
  const response = await send(path, options);
  if (response.status === 204) return undefined as Answer;
  try {
    return (await response.json()) as Answer;
  } catch (error) {
    if (isAbort(error)) throw error;
    if (isTimeout(error)) throw new RequestError(unreachable(error, options.timeout), 0);
    throw new RequestError(
      problem("InvalidAnswer", `The answer to ${path.split("?")[0]} is not JSON.`, "Reload the page. If it stays so, Studio and this page differ in their version."),
      response.status,
    );
  }
}

/** Returns an answer whose body the caller reads, such as a log.
 *
 * Throws RequestError if the back end refuses, or cannot be reached.
 */
export async function send(path: string, options: RequestOptions = {}): Promise<Response> {
  const { method = "GET", signal, accept = "application/json", isStream = false, timeout = TIMEOUT } = options;
  const late = new AbortController();
  const timer = isStream ? setTimeout(() => late.abort(new DOMException("late", "TimeoutError")), timeout) : undefined;
  const limits = [isStream ? late.signal : AbortSignal.timeout(timeout), ...(signal ? [signal] : [])];
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      credentials: "same-origin",
      redirect: "error",
      cache: "no-store",
      signal: AbortSignal.any(limits),
      ...contentOf(method, options),
      headers: { accept, ...options.headers, ...contentHeaders(method, options) },
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new RequestError(unreachable(error, timeout), 0);
  } finally {
    clearTimeout(timer);
  }
  if (response.ok) return response;
  throw refused(response.status, await response.json().catch(() => null));
}

/** Returns the error of a refusal, from the status and the body of its answer. An ended session is announced. */
export function refused(status: number, body: unknown): RequestError {
  const refusal = new RequestError(refusalOf(status, body), status);
  if (refusal.isSignedOut) onSignedOut();
  return refusal;
}

function contentOf(method: string, { body, content }: RequestOptions): Pick<RequestInit, "body"> {
  if (method === "GET") return {};
  if (content) return { body: content.data };
  return body === undefined ? {} : { body: JSON.stringify(body) };
}

/** Returns the headers of a change: no form of another page can send this type, or this header beside another type. */
function contentHeaders(method: string, { content }: RequestOptions): Record<string, string> {
  if (method === "GET") return {};
  return content ? { "content-type": content.type, "epochal-studio": "1" } : { "content-type": "application/json" };
}

/** Whether an error is only the end of a request that nobody waits for. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === "TimeoutError";
}

function unreachable(error: unknown, timeout = TIMEOUT): Problem {
  return isTimeout(error)
    ? problem("Timeout", `Studio has not answered within ${Math.round(timeout / 1000)} s.`, "Try again in a moment.")
    : problem("Unreachable", "Studio cannot be reached.", "Check your network, or whether the port forwarding still runs.");
}

function refusalOf(status: number, found: unknown): Problem {
  if (isProblem(found)) return { ...found, remedy: found.remedy ?? "", current: found.current ?? null };
  return problem("HTTP", `Studio answered with status ${status}.`, "Try again. If it stays so, look at the log of Studio's pod.");
}

function isProblem(found: unknown): found is Problem {
  return typeof found === "object" && found !== null && "reason" in found && "message" in found;
}
