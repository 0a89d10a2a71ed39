// The runs and servers that the stream has told of. A component subscribes to one run, or to the list.
import { keyText } from "../api/paths";
import type { RunSummary, RunsUpdate } from "../wire";

export interface StateChange {
  run: RunSummary;
  /** The state before. */
  from: string;
}

type Listener = () => void;

export class RunsStore {
  #runs = new Map<string, RunSummary>();
  #list: readonly RunSummary[] = [];
  #isLoaded = false;
  /** The runs that were named since the first part of a complete list; undefined after its last part. */
  #named: Set<string> | undefined;
  readonly #listListeners = new Set<Listener>();
  readonly #runListeners = new Map<string, Set<Listener>>();
  readonly #changeListeners = new Set<(changes: readonly StateChange[]) => void>();

  /** Whether there is a list: a complete one, or rows of some kinds while the list of another one is late. */
  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  /** Returns all runs; the same array until one changes. */
  readonly list = (): readonly RunSummary[] => this.#list;

  readonly get = (key: string): RunSummary | undefined => this.#runs.get(key);

  readonly subscribe = (listener: Listener): Listener => {
    this.#listListeners.add(listener);
    return () => this.#listListeners.delete(listener);
  };

  readonly subscribeRun = (key: string, listener: Listener): Listener => {
    const listeners = this.#runListeners.get(key) ?? new Set();
    this.#runListeners.set(key, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#runListeners.get(key) === listeners) this.#runListeners.delete(key);
    };
  };

  /** Calls a function with the runs whose state changes, but not with those of a complete list. */
  readonly subscribeChanges = (listener: (changes: readonly StateChange[]) => void): Listener => {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  };

  /** Applies updates in their order, and tells the listeners once. */
  apply(updates: readonly RunsUpdate[]): void {
    const touched = new Set<string>();
    const changes: StateChange[] = [];
    for (const update of updates) this.#applyOne(update, touched, changes);
    if (touched.size === 0 && this.#isLoaded) return;
    this.#isLoaded ||= updates.some((update) => update.isComplete || update.changed.length > 0);
    this.#list = [...this.#runs.values()];
    for (const key of touched) for (const listener of this.#runListeners.get(key) ?? []) listener();
    for (const listener of this.#listListeners) listener();
    if (changes.length > 0) for (const listener of this.#changeListeners) listener(changes);
  }

  /** Forgets all runs, for another namespace or user. */
  clear(): void {
    this.#isLoaded = false;
    this.apply([{ isFirst: true, isComplete: true, changed: [], removed: [] }]);
    this.#isLoaded = false;
    for (const listener of this.#listListeners) listener();
  }

  #applyOne(update: RunsUpdate, touched: Set<string>, changes: StateChange[]): void {
    if (update.isFirst) this.#named = new Set();
    for (const run of update.changed) {
      const key = keyText(run);
      this.#named?.add(key);
      const before = this.#runs.get(key);
      if (before && isSame(before, run)) continue;
      this.#runs.set(key, run);
      touched.add(key);
      if (before && before.uid === run.uid && before.state !== run.state) changes.push({ run, from: before.state });
    }
    const removed = update.removed.map(keyText);
    if (update.isComplete) {
      for (const key of this.#runs.keys()) if (!this.#named?.has(key)) removed.push(key);
      this.#named = undefined;
    }
    for (const key of removed) if (this.#runs.delete(key)) touched.add(key);
  }
}

/** Whether a row would look the same: a list that is sent again after a lost connection repeats most runs. */
function isSame(a: RunSummary, b: RunSummary): boolean {
  return (
    a.uid === b.uid &&
    a.resourceVersion === b.resourceVersion &&
    a.warnings === b.warnings &&
    a.sparkline.length === b.sparkline.length &&
    a.sparkline.every((value, index) => value === b.sparkline[index])
  );
}
