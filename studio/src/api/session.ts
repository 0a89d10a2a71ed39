// The signed-in user. Its state is `unknown` until the first answer.
import { useSyncExternalStore } from "react";
import type { Problem, Session } from "../wire";
import { problemOf, request, RequestError, whenSignedOut } from "./client";

export type SessionState =
  | { status: "unknown" }
  | { status: "unreachable"; problem: Problem }
  /** `session` is the one that has ended: the pages of its user stay mounted, so that drafts are kept. */
  | { status: "signed-out"; session: Session | undefined; hasExpired: boolean }
  | { status: "signed-in"; session: Session };

let state: SessionState = { status: "unknown" };
const listeners = new Set<() => void>();

function set(next: SessionState): void {
  state = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useSession(): SessionState {
  return useSyncExternalStore(subscribe, () => state);
}

/** Returns whether the session has ended, so that requests wait for the next one. */
export function useIsSignedOut(): boolean {
  return useSyncExternalStore(subscribe, () => state.status === "signed-out");
}

/** Asks the back end who is signed in, and returns whether somebody is. */
export async function loadSession(): Promise<boolean> {
  try {
    set({ status: "signed-in", session: await request<Session>("/api/session") });
  } catch (error) {
    if (error instanceof RequestError && error.isSignedOut) {
      if (state.status !== "signed-out") set({ status: "signed-out", session: undefined, hasExpired: false });
    } else if (state.status !== "signed-in") {
      set({ status: "unreachable", problem: problemOf(error) });
    }
  }
  return state.status === "signed-in";
}

/** Signs in; throws RequestError if the back end refuses. */
export async function signIn(token: string): Promise<void> {
  set({ status: "signed-in", session: await request<Session>("/api/session", { method: "POST", body: { token } }) });
}

/** Signs out, and forgets the pages of the user. */
export async function signOut(): Promise<void> {
  await request<undefined>("/api/session", { method: "DELETE" });
  set({ status: "signed-out", session: undefined, hasExpired: false });
}

whenSignedOut(() => {
  if (state.status === "signed-in") set({ status: "signed-out", session: state.session, hasExpired: true });
});
