// The draft of a new run: its text, the stored run that it changes, and their place in the browser's session. A tab has
// its own drafts, so that two tabs never overwrite each other; a reload or a new session of Studio finds them again.
import type { RunKey, Saved, SeenMetadata } from "../../wire";
import { keyText } from "../../api/paths";
import { seenMetadata } from "../../parts/actions/seenMetadata";

/** The version of an object that a user has seen. The operator writes the status of the same generation. */
export interface Version {
  resourceVersion: string;
  generation: number;
  uid: string;
  metadata?: SeenMetadata | undefined;
}

/** The run that a draft changes in place. */
export interface Stored extends Version {
  key: RunKey;
  /** The object as the user has seen it, to show a conflict. */
  object: Record<string, unknown>;
}

export interface Draft {
  text: string;
  /** Whether the user has changed it: then nothing replaces it without a question. */
  isEdited: boolean;
  stored: Stored | null;
  /** The Experiment before its search was turned off, for when it is turned on again. */
  earlierSearch: string | null;
}

/** Returns the name of a draft: that of a stored run, or the single one of a new run. */
export function draftKey(user: string, run: RunKey | null): string {
  return `studio:new-run:${user}:${run ? keyText(run) : ""}`;
}

/** Returns the draft of this tab; null if there is none, or it is of an older version of the page. */
export function loadDraft(key: string, storage: Pick<Storage, "getItem"> = window.sessionStorage): Draft | null {
  try {
    const found: unknown = JSON.parse(storage.getItem(key) ?? "null");
    return isDraft(found) ? found : null;
  } catch {
    return null;
  }
}

/** Keeps a draft; returns whether the browser has room for it. */
export function saveDraft(key: string, draft: Draft | null, storage: Pick<Storage, "setItem" | "removeItem"> = window.sessionStorage): boolean {
  try {
    if (draft) storage.setItem(key, JSON.stringify(draft));
    else storage.removeItem(key);
    return true;
  } catch {
    return false;
  }
}

function isDraft(found: unknown): found is Draft {
  if (typeof found !== "object" || found === null) return false;
  const { text, isEdited, stored, earlierSearch } = found as Record<string, unknown>;
  const isStored = stored === null || (typeof stored === "object" && ["key", "resourceVersion", "generation", "uid", "object"].every((name) => name in stored));
  return typeof text === "string" && typeof isEdited === "boolean" && isStored && (earlierSearch === null || typeof earlierSearch === "string");
}

/** Whether a document is still the stored run: another kind, namespace or name makes a run of its own. */
export function isStoredRun(stored: Stored | null, { kind, namespace, name }: RunKey): stored is Stored {
  return stored !== null && keyText(stored.key) === keyText({ kind, namespace, name });
}

/** Returns the draft after it was saved. The user goes on with the text as it was sent. */
export function afterSave(draft: Draft, saved: Saved, object: Record<string, unknown>): Draft {
  if (saved.resourceVersion === null) return draft;
  return { ...draft, isEdited: false, stored: { key: saved.key, resourceVersion: saved.resourceVersion, generation: saved.generation ?? 0, uid: saved.uid ?? "", metadata: seenMetadata(object), object } };
}
