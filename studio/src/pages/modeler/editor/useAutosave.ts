// The draft of the open document. A document that is as stored has none.
import { useEffect, useState } from "react";
import type { DraftState, DraftStore } from "../../../modeler/drafts";
import { useDraft } from "../../../modeler/hooks";
import type { ModelerState } from "../../../modeler/session";
import type { SaveState } from "../save/useSave";

export function useAutosave(drafts: DraftStore, { draft, run, isChanged }: SaveState, state: ModelerState): [DraftState | null, () => void] {
  const [opened] = useState(state.version);
  // The version that was opened needs no draft, and neither does one that is stored.
  const found = useDraft(drafts, { ...draft, resourceVersion: run?.resourceVersion ?? null, generation: run?.generation, uid: run?.uid, metadata: run?.metadata }, isChanged ? state : { ...state, version: opened });

  const { namespace, name } = draft;
  useEffect(() => {
    // After a save, or after undo to the stored version.
    if (!isChanged) drafts.removeOwn(namespace, name);
  }, [drafts, isChanged, namespace, name]);
  return found;
}
