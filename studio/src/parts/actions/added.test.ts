import { expect, test } from "vitest";
import { added } from "./added";

const labels = (names: Record<string, string>) => ({ metadata: { labels: names } });

test("added and changed names are those of the cluster, except for names that the user has changed since", () => {
  const sent = labels({ same: "1", changed: "1", mine: "1", gone: "1" });
  const stored = { metadata: { labels: { same: "1", changed: "2", mine: "2", added: "2" }, annotations: { note: "2" } } };
  expect(added(sent, stored, [], labels({ same: "1", changed: "1", mine: "3", gone: "1" }))).toEqual([
    { path: ["metadata", "labels", "changed"], value: "2" },
    { path: ["metadata", "labels", "added"], value: "2" },
    { path: ["metadata", "annotations", "note"], value: "2" },
  ]);
});

test.each([null, {}, { metadata: null }, { metadata: { labels: null } }, { metadata: { labels: { a: 1 } } }])("the object %j adds nothing", (stored) => {
  expect(added({}, stored, [], null)).toEqual([]);
});

test("added fields of the spec are taken where the user has not changed the document since", () => {
  const sent = { spec: { scheduling: {}, network: { layers: [{ layer: "Flatten" }] } } };
  const zone = { path: ["spec", "scheduling", "nodeSelector"], value: { zone: "a" } };
  const layer = { path: ["spec", "network", "layers", 0, "name"], value: "flat" };
  const limit = { path: ["spec", "backoffLimit"], value: 7 };
  const fields = [zone, layer, limit];
  expect(added(sent, {}, fields, sent)).toEqual(fields);
  expect(added(sent, {}, fields, { spec: { backoffLimit: 1, network: { layers: [{ layer: "Dense" }, { layer: "Flatten" }] } } })).toEqual([]);
  expect(added(sent, {}, fields, { spec: { ...sent.spec, suspend: true } })).toEqual(fields);
  expect(added(sent, {}, fields, null)).toEqual([]);
});
