import { expect, test } from "vitest";
import { afterSave, draftKey, isStoredRun, loadDraft, saveDraft, type Draft } from "./draft";

const KEY = { kind: "TrainingJob", namespace: "vision", name: "mnist" } as const;
const DRAFT: Draft = { text: "kind: TrainingJob\n", isEdited: true, stored: { key: KEY, resourceVersion: "7", generation: 1, uid: "u", object: {} }, earlierSearch: null };

test("a draft survives a reload, and users and runs have their own", () => {
  const key = draftKey("ada", KEY);
  expect(saveDraft(key, DRAFT)).toBe(true);
  expect(loadDraft(key)).toEqual(DRAFT);
  expect(loadDraft(draftKey("bob", KEY))).toBeNull();
  expect(loadDraft(draftKey("ada", null))).toBeNull();
  saveDraft(key, null);
  expect(loadDraft(key)).toBeNull();
});

test.each(["{", "null", "7", '{"text": 1}', '{"text": "", "isEdited": true, "stored": {}, "earlierSearch": null}'])("the stored text %s is no draft", (text) => {
  expect(loadDraft("key", { getItem: () => text })).toBeNull();
});

test("a full browser is reported", () => {
  const setItem = () => {
    throw new DOMException("full", "QuotaExceededError");
  };
  expect(saveDraft("key", DRAFT, { setItem, removeItem: () => undefined })).toBe(false);
});

test("another name or kind is a run of its own", () => {
  expect(isStoredRun(DRAFT.stored, KEY)).toBe(true);
  expect(isStoredRun(DRAFT.stored, { ...KEY, name: "mnist-2" })).toBe(false);
  expect(isStoredRun(DRAFT.stored, { ...KEY, kind: "Experiment" })).toBe(false);
  expect(isStoredRun(null, KEY)).toBe(false);
});

test("a saved draft changes the stored run from then on, a dry run does not", () => {
  const saved = { key: KEY, resourceVersion: "8", generation: 2, uid: "u", yaml: "", warnings: [] };
  expect(afterSave(DRAFT, saved, { a: 1 })).toMatchObject({ isEdited: false, stored: { resourceVersion: "8", generation: 2, uid: "u", object: { a: 1 } } });
  expect(afterSave(DRAFT, { ...saved, resourceVersion: null }, {})).toBe(DRAFT);
});
