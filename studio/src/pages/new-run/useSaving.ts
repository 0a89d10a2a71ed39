// The actions of the page with their answers: accepted, refused, or a conflict with another user.
import { useCallback, useState } from "react";
import { problemOf } from "../../api/client";
import { storedVersion } from "../../parts/actions/requests";
import type { Problem, Saved } from "../../wire";
import type { Version } from "./draft";
import { send, type SaveAction } from "./saving";
import { asNew, versionIn } from "./storedDraft";

export interface Conflict {
  action: SaveAction;
  /** The object as it is stored now. */
  current: Record<string, unknown>;
}

export interface Saving {
  busy: SaveAction | null;
  refusal: Problem | null;
  /** The answer of the last dry run, and its text. */
  accepted: { saved: Saved; text: string } | null;
  conflict: Conflict | null;
  run: (action: SaveAction, version: Version | null) => Promise<void>;
  /** Sends the same action for the version that is stored now. */
  overwrite: () => Promise<void>;
  dismiss: () => void;
  /** Shows the draft beside the object as it is stored now. */
  compare: (current: Record<string, unknown>) => void;
}

interface Options {
  text: string;
  namespace: string;
  /** `sent` is the text of the request: the user may have changed it meanwhile. */
  onSaved: (action: SaveAction, saved: Saved, sent: string) => void;
}

export function useSaving({ text, namespace, onSaved }: Options): Saving {
  const [busy, setBusy] = useState<SaveAction | null>(null);
  const [refusal, setRefusal] = useState<Problem | null>(null);
  const [accepted, setAccepted] = useState<Saving["accepted"]>(null);
  const [conflict, setConflict] = useState<Conflict | null>(null);

  const run = useCallback(
    async (action: SaveAction, version: Version | null): Promise<void> => {
      setBusy(action);
      setRefusal(null);
      setAccepted(null);
      try {
        const sent = version ? text : asNew(text);
        const saved = await send(sent, namespace, action, version);
        setConflict(null);
        if (action === "check") setAccepted({ saved, text });
        else onSaved(action, saved, sent);
      } catch (error) {
        const current = storedVersion(error);
        if (current) setConflict({ action, current });
        else {
          setConflict(null);
          setRefusal(problemOf(error));
        }
      } finally {
        setBusy(null);
      }
    },
    [text, namespace, onSaved],
  );

  const overwrite = useCallback(async () => {
    if (conflict) await run(conflict.action, versionIn(conflict.current));
  }, [conflict, run]);
  const dismiss = useCallback(() => setConflict(null), []);
  const compare = useCallback((current: Record<string, unknown>) => setConflict({ action: "save", current }), []);
  return { busy, refusal, accepted, conflict, run, overwrite, dismiss, compare };
}
