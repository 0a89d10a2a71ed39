import { expect, test } from "vitest";
import { withVersion } from "../origin";
import { saveRequest } from "./save";

const KEY = { kind: "TrainingJob", namespace: "team-a", name: "net" } as const;
const RUN = { key: KEY, resourceVersion: "7", generation: 2, uid: "u", hasRun: false };

test("a save names the generation that the user has seen, so that a status of the operator is no conflict", () => {
  expect(saveRequest("text", KEY, RUN)).toEqual({ namespace: "team-a", yaml: "text", resourceVersion: "7", generation: 2, uid: "u", dryRun: false });
});

test("a save names the labels and annotations that the user has seen", () => {
  const metadata = { labels: { team: "a" }, annotations: {} };
  expect(saveRequest("text", KEY, { ...RUN, metadata })).toMatchObject({ uid: "u", metadata });
  expect(saveRequest("text", KEY, withVersion(RUN, { resourceVersion: "5", generation: 1, uid: "u", metadata }))).toMatchObject({ resourceVersion: "5", metadata });
});

test("a draft of an older version does not take the generation of the newer one", () => {
  expect(withVersion(RUN, { resourceVersion: "7" })).toBe(RUN);
  expect(saveRequest("text", KEY, withVersion(RUN, { resourceVersion: "5" }))).toEqual({ namespace: "team-a", yaml: "text", resourceVersion: "5", dryRun: false });
});

test("another name, and a run that has run, make a new run", () => {
  const created = { namespace: "team-a", yaml: "text", resourceVersion: null, dryRun: false };
  expect(saveRequest("text", { ...KEY, name: "other" }, RUN)).toEqual(created);
  expect(saveRequest("text", KEY, { ...RUN, hasRun: true })).toEqual(created);
});
