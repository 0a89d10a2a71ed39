import { expect, test } from "vitest";
import { addedNames } from "./addedNames";

const labels = (names: Record<string, string>) => ({ metadata: { labels: names } });

test("added and changed names are those of the cluster, except for names that the user has changed since", () => {
  const sent = labels({ same: "1", changed: "1", mine: "1", gone: "1" });
  const stored = { metadata: { labels: { same: "1", changed: "2", mine: "2", added: "2" }, annotations: { note: "2" } } };
  expect(addedNames(sent, stored, labels({ same: "1", changed: "1", mine: "3", gone: "1" }))).toEqual([
    { path: ["metadata", "labels", "changed"], value: "2" },
    { path: ["metadata", "labels", "added"], value: "2" },
    { path: ["metadata", "annotations", "note"], value: "2" },
  ]);
});

test.each([null, {}, { metadata: null }, { metadata: { labels: null } }, { metadata: { labels: { a: 1 } } }])("the object %j adds nothing", (stored) => {
  expect(addedNames({}, stored, null)).toEqual([]);
});
