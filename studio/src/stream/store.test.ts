import { describe, expect, test, vi } from "vitest";
import { makeRun } from "../testing/runs";
import type { RunSummary } from "../wire";
import { RunsStore } from "./store";

function loaded(...runs: RunSummary[]): RunsStore {
  const store = new RunsStore();
  store.apply([{ isFirst: true, isComplete: true, changed: runs, removed: [] }]);
  return store;
}

const KEY = "TrainingJob/team-a/mnist";

describe("an update", () => {
  test("changes, adds and removes runs", () => {
    const store = loaded(makeRun(), makeRun({ name: "flowers" }));
    store.apply([{ isFirst: false, isComplete: false, changed: [makeRun({ name: "digits" })], removed: [makeRun({ name: "flowers" })] }]);
    expect(store.list().map((run) => run.name)).toEqual(["mnist", "digits"]);
  });

  test("tells only the listeners of the changed runs, once", () => {
    const store = loaded(makeRun(), makeRun({ name: "flowers" }));
    const [mnist, flowers, list] = [vi.fn(), vi.fn(), vi.fn()];
    store.subscribeRun(KEY, mnist);
    store.subscribeRun("TrainingJob/team-a/flowers", flowers);
    store.subscribe(list);
    const changed = (version: string) => ({ isFirst: false, isComplete: false, changed: [makeRun({ resourceVersion: version })], removed: [] });
    store.apply([changed("2"), changed("3")]);
    expect([mnist, flowers, list].map((listener) => listener.mock.calls.length)).toEqual([1, 0, 1]);
    expect(store.get(KEY)?.resourceVersion).toBe("3");
  });

  test("keeps the run and the list if nothing has changed", () => {
    const store = loaded(makeRun());
    const [run, list] = [store.get(KEY), store.list()];
    store.apply([{ isFirst: false, isComplete: false, changed: [makeRun()], removed: [] }]);
    expect(store.get(KEY)).toBe(run);
    expect(store.list()).toBe(list);
  });
});

test("a complete list forgets all other runs, and keeps equal ones", () => {
  const store = loaded(makeRun(), makeRun({ name: "flowers" }));
  const run = store.get(KEY);
  store.apply([{ isFirst: true, isComplete: true, changed: [makeRun()], removed: [] }]);
  expect(store.list()).toEqual([run]);
  expect(store.get(KEY)).toBe(run);
});

test("a complete list in parts forgets, at its last part, the runs that were not named since the first one", () => {
  const store = loaded(makeRun(), makeRun({ name: "flowers" }), makeRun({ name: "digits" }), makeRun({ name: "late" }));
  const part = (names: string[], place: { isFirst?: boolean; isComplete?: boolean; removed?: string[] } = {}) =>
    store.apply([
      {
        isFirst: place.isFirst ?? false,
        isComplete: place.isComplete ?? false,
        changed: names.map((name) => makeRun({ name })),
        removed: (place.removed ?? []).map((name) => makeRun({ name })),
      },
    ]);
  part(["interrupted"], { isFirst: true });
  part(["mnist"], { isFirst: true });
  part(["late", "new"]);
  part([], { removed: ["new"] });
  expect(store.list().map((run) => run.name)).toEqual(["mnist", "flowers", "digits", "late", "interrupted"]);
  part(["flowers"], { isComplete: true });
  expect(store.list().map((run) => run.name)).toEqual(["mnist", "flowers", "late"]);
});

test("a changed state is told, but not that of an object that took the name", () => {
  const store = loaded(makeRun(), makeRun({ name: "flowers" }));
  const changes = vi.fn();
  store.subscribeChanges(changes);
  const ended = makeRun({ state: "Complete", resourceVersion: "2" });
  const other = makeRun({ name: "flowers", uid: "another", state: "Queued", resourceVersion: "3" });
  store.apply([{ isFirst: false, isComplete: false, changed: [ended, other], removed: [] }]);
  expect(changes.mock.calls).toEqual([[[{ run: ended, from: "Running" }]]]);
});

test("rows of some kinds are a list, while that of another kind is late", () => {
  const store = new RunsStore();
  store.apply([{ isFirst: false, isComplete: false, changed: [], removed: [] }]);
  expect(store.isLoaded).toBe(false);
  store.apply([{ isFirst: false, isComplete: false, changed: [makeRun()], removed: [] }]);
  expect(store.isLoaded).toBe(true);
});

test("a cleared store is not loaded, and tells so", () => {
  const store = loaded(makeRun());
  const listener = vi.fn();
  store.subscribe(listener);
  store.clear();
  expect(store.isLoaded).toBe(false);
  expect(store.list()).toEqual([]);
  expect(listener).toHaveBeenCalled();
});

test("a listener that has left is not called", () => {
  const store = loaded(makeRun());
  const listener = vi.fn();
  store.subscribeRun(KEY, listener)();
  store.apply([{ isFirst: false, isComplete: false, changed: [], removed: [makeRun()] }]);
  expect(listener).not.toHaveBeenCalled();
});
