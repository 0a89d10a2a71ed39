// Asks the back end for the problems of a document, a moment after its last change.
import { useEffect, useState } from "react";
import { isAbort, problem, problemOf, request, RequestError } from "../../api/client";
import { useIsSignedOut } from "../../api/session";
import { MAX_YAML, type Checked, type Problem } from "../../wire";

/** Time after the last change until the document is checked, in milliseconds. */
const QUIET = 400;

export interface CheckState {
  /** The last answer, which may be of an earlier text. */
  checked: Checked | undefined;
  /** Why there is no answer. */
  problem: Problem | null;
  isChecking: boolean;
}

interface Found {
  text: string;
  checked: Checked | undefined;
  problem: Problem | null;
}

export function useCheck(text: string): CheckState {
  const [found, setFound] = useState<Found>({ text: "", checked: undefined, problem: null });
  const isSignedOut = useIsSignedOut();

  useEffect(() => {
    if (isSignedOut) return undefined;
    const abort = new AbortController();
    const timer = window.setTimeout(() => {
      check(text, abort.signal).then(
        (checked) => setFound({ text, checked, problem: null }),
        (error: unknown) => {
          if (isAbort(error) || (error instanceof RequestError && error.isSignedOut)) return;
          setFound((last) => ({ text, checked: last.checked, problem: problemOf(error) }));
        },
      );
    }, QUIET);
    return () => {
      window.clearTimeout(timer);
      abort.abort();
    };
  }, [text, isSignedOut]);

  return { checked: found.checked, problem: found.text === text ? found.problem : null, isChecking: found.text !== text };
}

async function check(text: string, signal: AbortSignal): Promise<Checked> {
  if (text.length > MAX_YAML) {
    const size = `The document has ${text.length.toLocaleString()} characters; at most ${MAX_YAML.toLocaleString()} are allowed.`;
    throw new RequestError(problem("TooLarge", size, "Use a network with fewer layers, or a saved model."), 0);
  }
  return request<Checked>("/api/check", { method: "POST", body: { yaml: text }, signal });
}
