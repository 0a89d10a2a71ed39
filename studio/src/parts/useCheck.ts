// Asks the back end for the problems and shapes of a document: at once about a change after a rest, such as an argument of
// a layer, and a moment after the last of many changes, such as typed characters.
import { useEffect, useRef, useState } from "react";
import { isAbort, problem, problemOf, request, RequestError } from "../api/client";
import { useIsSignedOut } from "../api/session";
import { MAX_YAML, type Checked, type Problem } from "../wire";

/** Time between two changes from which on the second one follows a rest, in milliseconds. */
export const QUIET = 120;

/** This page: the checks of another tab of the user wait beside its own. */
const PAGE = Math.random().toString(36).slice(2);

export interface CheckState {
  /** The last answer, which may be of an earlier text. */
  checked: Checked | undefined;
  /** The text of that answer. */
  checkedText: string | undefined;
  /** Why there is no answer. */
  problem: Problem | null;
  isChecking: boolean;
  /** Asks again after a failed request. */
  retry: () => void;
}

type Found = Pick<CheckState, "checked" | "checkedText" | "problem"> & {
  /** The text of the last request that has ended. */
  text: string | undefined;
};

export function useCheck(text: string): CheckState {
  const [{ text: asked, ...found }, setFound] = useState<Found>({ text: undefined, checked: undefined, checkedText: undefined, problem: null });
  const [tries, setTries] = useState(0);
  // After a new sign-in the document is checked again.
  const isSignedOut = useIsSignedOut();
  /** When the text was changed last; a page often changes the text with which it opens. */
  const changed = useRef<number>(undefined);

  useEffect(() => {
    const now = Date.now();
    const isRested = now - (changed.current ?? now) >= QUIET;
    changed.current = now;
    if (isSignedOut) return undefined;
    const abort = new AbortController();
    const timer = window.setTimeout(() => {
      check(text, abort.signal).then(
        (checked) => {
          if (!abort.signal.aborted) setFound({ text, checked, checkedText: text, problem: null });
        },
        (error: unknown) => {
          if (abort.signal.aborted || isAbort(error) || (error instanceof RequestError && error.isSignedOut)) return;
          setFound((last) => ({ ...last, text, problem: problemOf(error) }));
        },
      );
    }, isRested ? 0 : QUIET);
    return () => {
      window.clearTimeout(timer);
      abort.abort();
    };
  }, [text, isSignedOut, tries]);

  const isChecking = asked !== text;
  return { ...found, problem: isChecking ? null : found.problem, isChecking, retry: () => setTries((count) => count + 1) };
}

async function check(text: string, signal: AbortSignal): Promise<Checked> {
  if (text.length > MAX_YAML) {
    const size = `The document has ${text.length.toLocaleString()} characters; at most ${MAX_YAML.toLocaleString()} are allowed.`;
    throw new RequestError(problem("TooLarge", size, "Use a network with fewer layers, or a saved model."), 0);
  }
  return request<Checked>("/api/check", { method: "POST", body: { yaml: text, page: PAGE }, signal });
}
