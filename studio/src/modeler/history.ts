// Undo and redo of a text, whatever has changed it: the canvas, a form or the YAML editor.
//
// An entry holds reversed differences and no copies: hundreds of edits of a large document need little memory.
import { applyChange, diffText, type TextChange } from "./change";

/** Maximum characters of all entries together; the oldest ones are forgotten. */
const MAX_SIZE = 4_000_000;
const MAX_ENTRIES = 1_000;
/** Time within which edits of the same kind become one entry, in milliseconds. */
const MERGED_WITHIN = 1_000;

/** A state to which undo leads. */
export interface Snapshot {
  text: string;
  /** Ids of the layers, so that they stay the same through undo. */
  layerIds: readonly string[];
  selection: readonly string[];
}

interface Entry {
  label: string;
  mergeKey: string | undefined;
  time: number;
  /** The change that leads to the other state. */
  text: TextChange | null;
  ids: ListChange | null;
  selection: readonly string[];
  size: number;
}

interface ListChange {
  from: number;
  to: number;
  insert: readonly string[];
}

export class History {
  #undo: Entry[] = [];
  #redo: Entry[] = [];
  #size = 0;

  get undoLabel(): string | null {
    return this.#undo.at(-1)?.label ?? null;
  }

  get redoLabel(): string | null {
    return this.#redo.at(-1)?.label ?? null;
  }

  /** Adds an edit. Edits with the same key within a second are one entry. */
  add(label: string, before: Snapshot, after: Snapshot, mergeKey: string | undefined, time: number): void {
    for (const { size } of this.#redo) this.#size -= size;
    this.#redo = [];
    const last = this.#undo.at(-1);
    if (last && mergeKey !== undefined && last.mergeKey === mergeKey && time - last.time < MERGED_WITHIN) {
      const first = restored(last, before);
      this.#undo.pop();
      this.#size -= last.size;
      this.#push(this.#undo, entry(label, after, first, mergeKey, time));
    } else {
      this.#push(this.#undo, entry(label, after, before, mergeKey, time));
    }
  }

  /** Ends the merging of edits, as the focus leaves a field. */
  seal(): void {
    const last = this.#undo.at(-1);
    if (last) last.mergeKey = undefined;
  }

  /** Returns the state before the last edit; null if there is none. */
  undo(now: Snapshot): Snapshot | null {
    return this.#step(this.#undo, this.#redo, now);
  }

  /** Returns the state after the edit that was undone last; null if there is none. */
  redo(now: Snapshot): Snapshot | null {
    return this.#step(this.#redo, this.#undo, now);
  }

  #step(from: Entry[], to: Entry[], now: Snapshot): Snapshot | null {
    const last = from.pop();
    if (!last) return null;
    this.#size -= last.size;
    const wanted = restored(last, now);
    this.#push(to, entry(last.label, wanted, now, undefined, 0));
    return wanted;
  }

  #push(list: Entry[], added: Entry): void {
    list.push(added);
    this.#size += added.size;
    while (this.#undo.length > 1 && (this.#size > MAX_SIZE || this.#undo.length > MAX_ENTRIES)) this.#size -= this.#undo.shift()?.size ?? 0;
  }
}

/** Returns the entry that leads from one state to another. */
function entry(label: string, from: Snapshot, to: Snapshot, mergeKey: string | undefined, time: number): Entry {
  const text = diffText(from.text, to.text);
  const ids = diffList(from.layerIds, to.layerIds);
  const size = 100 + (text?.insert.length ?? 0) + 10 * ((ids?.insert.length ?? 0) + to.selection.length);
  return { label, mergeKey, time, text, ids, selection: to.selection, size };
}

function restored({ text, ids, selection }: Entry, now: Snapshot): Snapshot {
  return {
    text: text ? applyChange(now.text, text) : now.text,
    layerIds: ids ? [...now.layerIds.slice(0, ids.from), ...ids.insert, ...now.layerIds.slice(ids.to)] : now.layerIds,
    selection,
  };
}

function diffList(before: readonly string[], after: readonly string[]): ListChange | null {
  const shortest = Math.min(before.length, after.length);
  let from = 0;
  while (from < shortest && before[from] === after[from]) from++;
  if (from === before.length && from === after.length) return null;
  let shared = 0;
  while (shared < shortest - from && before.at(-1 - shared) === after.at(-1 - shared)) shared++;
  return { from, to: before.length - shared, insert: after.slice(from, after.length - shared) };
}
