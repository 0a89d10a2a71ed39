// Asks the server, with the key if there is one, and tells its refusals in words.

import { Refusal } from "./refusal.js";

const KEY = "epochal-key";

/** The key that requests bear: this tab's alone, and gone with it. */
export const key = {
  held: "",
  get() {
    return this.held || (storage()?.getItem(KEY) ?? "");
  },
  set(value) {
    this.held = value;
    storage()?.setItem(KEY, value);
  },
};

/** Returns where a tab keeps what it is to know after a reload; null where its owner lets it keep nothing. */
function storage() {
  try {
    return sessionStorage;
  } catch {
    return null;
  }
}

/** Returns the server's answer, which is JSON. Throws Refusal, or an AbortError. */
export async function ask(path, { type, body, signal } = {}) {
  // A browser sends "Epochal-Page" for no page of another origin: behind a proxy that rewrites Host it alone says so.
  const headers = { Accept: "application/json", "Epochal-Page": "1" };
  if (key.get()) headers.Authorization = `Bearer ${key.get()}`;
  if (type) headers["Content-Type"] = type;
  let response;
  try {
    const method = body === undefined ? "GET" : "POST";
    response = await fetch(path, { method, headers, body, signal, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, "The server cannot be reached. It may be restarting, or the way to it is closed: try again.");
  }
  // What stands before the server may answer in its place, and in HTML.
  const answer = await response.json().catch(() => undefined);
  if (response.ok && answer !== undefined) return answer;
  throw new Refusal(response.status, words(response, answer?.error));
}

function words(response, said) {
  const about = said ?? `${response.status} ${response.statusText}`.trim();
  const seconds = response.headers.get("Retry-After");
  if (response.status === 401) return key.get() ? "The server does not know this key." : "This model asks for a key.";
  if (response.status === 429) {
    const when = seconds ? ` in ${seconds} s` : " later";
    return `The server has more to do than it can: try again${when}. (${about})`;
  }
  if (response.status === 503) return `The server is not ready: ${about}`;
  if (response.status >= 500) return `The server has failed: ${about}`;
  return about;
}
