import { beforeEach, expect, test, vi } from "vitest";
import { MAX_YAML } from "../wire";
import { DraftStore } from "./drafts";

beforeEach(() => window.localStorage.clear());

const draft = (text: string, name = "mnist") => ({ namespace: "team/a", name, text, resourceVersion: null });

test("a draft survives a reload, also a broken one, and is listed and removed", () => {
  let minute = 0;
  const store = new DraftStore("ada", window.localStorage, () => new Date(Date.UTC(2026, 0, 1, 0, minute++)));
  expect(store.save(draft("a: ["))).toMatchObject({ kind: "saved" });
  store.save(draft("b", "other"));
  const reloaded = new DraftStore("ada");
  expect(reloaded.list().map(({ name, text }) => [name, text])).toEqual([["other", "b"], ["mnist", "a: ["]]);
  expect(reloaded.load("team/a", "mnist")?.text).toBe("a: [");
  reloaded.remove("team/a", "mnist");
  expect(reloaded.load("team/a", "mnist")).toBeNull();
  expect(reloaded.list()).toHaveLength(1);
});

test("a tab does not replace the draft of another one without being asked to", () => {
  const one = new DraftStore("ada");
  const two = new DraftStore("ada");
  one.save(draft("one"));
  expect(two.save(draft("two"))).toMatchObject({ kind: "conflict", other: { text: "one" } });
  expect(two.load("team/a", "mnist")?.text).toBe("one");
  expect(two.save(draft("two"))).toMatchObject({ kind: "saved" });
  expect(one.save(draft("one again"))).toMatchObject({ kind: "conflict", other: { text: "two" } });
  expect(one.overwrite(draft("one again"))).toMatchObject({ kind: "saved" });
  expect(one.save(draft("one more"))).toMatchObject({ kind: "saved" });
  // The same text is no conflict, and a draft that the other tab has removed is stored again.
  expect(two.save(draft("one more"))).toMatchObject({ kind: "saved" });
  two.remove("team/a", "mnist");
  expect(one.save(draft("again"))).toMatchObject({ kind: "saved" });
});

test("a full, a forbidden and a missing storage are named with a remedy", () => {
  const full = { ...memory(), setItem: () => { throw new DOMException("full", "QuotaExceededError"); } };
  expect(new DraftStore("ada", full).save(draft("x"))).toMatchObject({ kind: "failed", problem: { reason: "QuotaExceeded" } });
  expect(new DraftStore("ada", null).save(draft("x"))).toMatchObject({ kind: "failed", problem: { reason: "NoStorage" } });
  const forbidden = { ...memory(), getItem: () => { throw new DOMException("no", "SecurityError"); } };
  expect(new DraftStore("ada", forbidden).load("a", "b")).toBeNull();
  const store = new DraftStore("ada");
  expect(store.save(draft("x".repeat(MAX_YAML + 1)))).toMatchObject({ kind: "failed", problem: { reason: "TooLarge" } });
  for (let number = 0; number < 50; number++) store.save(draft("x", `d${number}`));
  expect(store.save(draft("x", "one-more"))).toMatchObject({ kind: "failed", problem: { reason: "TooMany" } });
  expect(store.save(draft("y", "d3"))).toMatchObject({ kind: "saved" });
});

test("a tab removes its own draft, and leaves that of another one", () => {
  const one = new DraftStore("ada");
  const two = new DraftStore("ada");
  one.save(draft("one"));
  two.removeOwn("team/a", "mnist");
  expect(two.load("team/a", "mnist")?.text).toBe("one");
  two.save(draft("two"));
  one.removeOwn("team/a", "mnist");
  expect(one.list().map(({ text }) => text)).toEqual(["two"]);
  // That it was left does not make it a draft of this tab.
  expect(one.save(draft("one again"))).toMatchObject({ kind: "conflict" });
  two.removeOwn("team/a", "mnist");
  expect(one.list()).toEqual([]);
});

test("the drafts of a user are not those of another one, who may sign in on the same browser", () => {
  const ada = new DraftStore("ada");
  ada.save(draft("of ada"));
  for (const user of ["victor", "", "ad", "ada:x", "ada/x"]) {
    const other = new DraftStore(user);
    const heard = vi.fn();
    const end = other.subscribe(heard);
    window.dispatchEvent(new StorageEvent("storage", { key: "studio:draft:ada:team%2Fa/mnist" }));
    end();
    expect(heard).not.toHaveBeenCalled();
    expect(other.list()).toEqual([]);
    expect(other.load("team/a", "mnist")).toBeNull();
    expect(other.save(draft(`of ${user}`))).toMatchObject({ kind: "saved" });
    other.remove("team/a", "mnist");
  }
  expect(ada.list().map(({ text }) => text)).toEqual(["of ada"]);
});

test("foreign values of the storage are no drafts", () => {
  for (const [key, value] of [["studio:draft:ada:a/b", "{"], ["studio:draft:ada:a/c", "[]"], ["studio:draft:ada:a/d", "{\"text\":1}"], ["other", "x"]] as const) window.localStorage.setItem(key, value);
  expect(new DraftStore("ada").list()).toEqual([]);
  expect(new DraftStore("ada").save(draft("x"))).toMatchObject({ kind: "saved" });
});

test("listeners hear of this tab and of others", () => {
  const store = new DraftStore("ada");
  const heard = vi.fn();
  const end = store.subscribe(heard);
  store.save(draft("x"));
  window.dispatchEvent(new StorageEvent("storage", { key: "studio:draft:ada:team%2Fa/mnist" }));
  window.dispatchEvent(new StorageEvent("storage", { key: "something" }));
  expect(heard.mock.calls.map(([change]) => change as unknown)).toEqual([{ namespace: "team/a", name: "mnist", isOtherTab: false }, { namespace: "team/a", name: "mnist", isOtherTab: true }]);
  end();
  store.remove("team/a", "mnist");
  expect(heard).toHaveBeenCalledTimes(2);
});

function memory() {
  return { getItem: () => null, setItem: () => undefined, removeItem: () => undefined, key: () => null, length: 0 };
}
