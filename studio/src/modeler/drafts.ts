// Drafts in the browser: documents that are not saved in the cluster, also invalid ones.
import { problem, RequestError } from "../api/client";
import type { Problem, SeenMetadata } from "../wire";
import { MAX_YAML } from "../wire";

const PREFIX = "studio:draft:";
const MAX_DRAFTS = 50;

/** The version in the cluster that a draft changes. */
export interface DraftVersion {
  /** Null for a new object. */
  resourceVersion: string | null;
  /** With the uid: a later version of the same generation differs only in its status. */
  generation?: number | undefined;
  uid?: string | undefined;
  /** The labels and annotations of that version. */
  metadata?: SeenMetadata | undefined;
}

export interface Draft extends DraftVersion {
  namespace: string;
  name: string;
  text: string;
  /** Time of the last change, as ISO 8601. */
  saved: string;
}

export type DraftState =
  | { kind: "saved"; at: string }
  /** Another tab has changed the draft meanwhile. */
  | { kind: "conflict"; other: Draft }
  | { kind: "failed"; problem: Problem };

/** A change of the drafts, in this tab or in another one. */
export type DraftListener = (change: { namespace: string; name: string; isOtherTab: boolean }) => void;

/** A part of localStorage. */
type DraftStorage = Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

export class DraftStore {
  readonly #storage: DraftStorage | null;
  /** Begin of the keys: the drafts of a user are not those of the next one who signs in. */
  readonly #prefix: string;
  /** The texts as this tab has read or written them last: another text is of another tab. */
  readonly #known = new Map<string, string | null>();
  readonly #listeners = new Set<DraftListener>();
  readonly #now: () => Date;

  constructor(user: string, storage: DraftStorage | null = localStorageOf(), now = () => new Date()) {
    this.#prefix = `${PREFIX}${encodeURIComponent(user)}:`;
    this.#storage = storage;
    this.#now = now;
  }

  /** Returns all drafts, newest first. */
  list(): Draft[] {
    const drafts: Draft[] = [];
    for (const key of this.#keys()) {
      const draft = parse(this.#read(key));
      if (draft) drafts.push(draft);
    }
    return drafts.sort((a, b) => b.saved.localeCompare(a.saved));
  }

  /** Returns a draft; null if there is none. */
  load(namespace: string, name: string): Draft | null {
    const key = this.#keyOf(namespace, name);
    const stored = this.#read(key);
    this.#known.set(key, stored);
    return parse(stored);
  }

  /** Stores a draft, unless another tab has changed it since this one has read or stored it. */
  save(draft: Omit<Draft, "saved">): DraftState {
    const key = this.#keyOf(draft.namespace, draft.name);
    const stored = this.#read(key);
    const other = parse(stored);
    // A tab that has not opened the draft yet finds it as that of another one.
    if (other && stored !== (this.#known.get(key) ?? null) && other.text !== draft.text) return { kind: "conflict", other };
    return this.#write(key, draft);
  }

  /** Stores a new document under a name that no other draft has, and returns its place. Throws RequestError if it cannot. */
  create(namespace: string, wanted: string, text: string): Pick<Draft, "namespace" | "name"> {
    const taken = this.list().filter((each) => each.namespace === namespace).map(({ name }) => name);
    let name = wanted;
    for (let number = 2; taken.includes(name); number += 1) name = `${wanted}-${number}`;
    const state = this.save({ namespace, name, text, resourceVersion: null });
    if (state.kind === "failed") throw new RequestError(state.problem, 0);
    return { namespace, name };
  }

  /** Stores a draft in place of that of another tab. */
  overwrite(draft: Omit<Draft, "saved">): DraftState {
    return this.#write(this.#keyOf(draft.namespace, draft.name), draft);
  }

  /** Removes a draft as this tab has read or stored it last, and leaves that of another tab. */
  removeOwn(namespace: string, name: string): void {
    const key = this.#keyOf(namespace, name);
    const stored = this.#read(key);
    if (stored !== null && stored === this.#known.get(key)) this.remove(namespace, name);
  }

  remove(namespace: string, name: string): void {
    const key = this.#keyOf(namespace, name);
    this.#known.set(key, null);
    try {
      this.#storage?.removeItem(key);
    } catch {
      // A storage that refuses to be read has no draft to remove.
    }
    this.#tell(key, false);
  }

  /** Calls a function after each change of a draft; returns a function that ends this. */
  subscribe(listener: DraftListener): () => void {
    const heard = (event: StorageEvent) => {
      if (event.key?.startsWith(this.#prefix)) this.#tell(event.key, true, listener);
    };
    this.#listeners.add(listener);
    window.addEventListener("storage", heard);
    return () => {
      this.#listeners.delete(listener);
      window.removeEventListener("storage", heard);
    };
  }

  #write(key: string, draft: Omit<Draft, "saved">): DraftState {
    if (draft.text.length > MAX_YAML) return failed("TooLarge", `A draft has at most ${MAX_YAML.toLocaleString("en")} characters.`, "Remove a part of the document.");
    if (!this.#storage) return failed("NoStorage", "The browser lets this page store nothing.", "Allow site data for this address, or save the document in the cluster.");
    const keys = this.#keys();
    if (!keys.includes(key) && keys.length >= MAX_DRAFTS) return failed("TooMany", `The browser keeps ${MAX_DRAFTS} drafts, and all are in use.`, "Delete drafts that you no longer need.");
    const { namespace, name, text, resourceVersion, generation, uid, metadata } = draft;
    const at = this.#now().toISOString();
    const stored = JSON.stringify({ namespace, name, text, resourceVersion, generation, uid, metadata, saved: at } satisfies Draft);
    try {
      this.#storage.setItem(key, stored);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return failed("QuotaExceeded", `The browser cannot store the draft: ${reason}`, "Delete drafts that you no longer need, or save the document in the cluster.");
    }
    this.#known.set(key, stored);
    this.#tell(key, false);
    return { kind: "saved", at };
  }

  #keyOf(namespace: string, name: string): string {
    return `${this.#prefix}${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
  }

  #keys(): string[] {
    const storage = this.#storage;
    if (!storage) return [];
    try {
      return Array.from({ length: storage.length }, (_, index) => storage.key(index)).filter((key) => key !== null && key.startsWith(this.#prefix)) as string[];
    } catch {
      return [];
    }
  }

  #read(key: string): string | null {
    try {
      return this.#storage?.getItem(key) ?? null;
    } catch {
      return null;
    }
  }

  #tell(key: string, isOtherTab: boolean, only?: DraftListener): void {
    const [namespace = "", name = ""] = key.slice(this.#prefix.length).split("/").map(decodeURIComponent);
    for (const listener of only ? [only] : [...this.#listeners]) listener({ namespace, name, isOtherTab });
  }
}

/** Returns a stored draft; null if a page of another version, or a user, has stored something else. */
function parse(stored: string | null): Draft | null {
  if (stored === null) return null;
  try {
    const found: unknown = JSON.parse(stored);
    if (typeof found !== "object" || found === null) return null;
    const { namespace, name, text, saved, resourceVersion, generation, uid, metadata } = found as Record<string, unknown>;
    if (typeof namespace !== "string" || typeof name !== "string" || typeof text !== "string" || typeof saved !== "string") return null;
    const version = typeof generation === "number" && typeof uid === "string" ? { generation, uid, ...(isSeen(metadata) ? { metadata } : {}) } : {};
    return { namespace, name, text, saved, resourceVersion: typeof resourceVersion === "string" ? resourceVersion : null, ...version };
  } catch {
    return null;
  }
}

function isSeen(found: unknown): found is SeenMetadata {
  if (typeof found !== "object" || found === null) return false;
  const { labels, annotations } = found as Record<string, unknown>;
  return typeof labels === "object" && typeof annotations === "object";
}

function failed(reason: string, message: string, remedy: string): DraftState {
  return { kind: "failed", problem: problem(reason, message, remedy) };
}

/** Returns the storage of the browser; null if the user forbids it, which only reading the property shows. */
function localStorageOf(): DraftStorage | null {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}
