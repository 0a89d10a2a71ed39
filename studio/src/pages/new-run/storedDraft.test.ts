import { expect, test } from "vitest";
import { detail } from "../../testing/pageBackEnd";
import { read } from "./document";
import { storedDraft } from "./storedDraft";

const TRIAL = `apiVersion: epochal.dev/v1alpha1
kind: TrainingJob
metadata:
  name: search-1
  namespace: vision
  labels:
    epochal.dev/experiment: search
    epochal.dev/experiment-uid: e
    epochal.dev/trial: "1"
    team: vision
  annotations:
    epochal.dev/rung: "0"
spec:
  training: {epochs: 3}
`;
const METADATA = { name: "search-1", namespace: "vision", uid: "u", resourceVersion: "3", generation: 1 };
const stored = (status: Record<string, unknown>) => detail({ name: "search-1", namespace: "vision" }, { yaml: TRIAL, object: { metadata: METADATA, status } });

test("a trial that has begun becomes a run of its own, with the labels of the user alone", () => {
  const { text } = storedDraft(stored({ startTime: "2026-01-01T00:00:00Z" }), null);
  expect(text.replace("epochal.dev/v1alpha1", "")).not.toContain("epochal.dev/");
  expect(text).toContain("metadata:\n  name: search-1-copy\n  namespace: vision\n  labels:\n    team: vision\nspec:");
  expect(read(text)).toMatchObject({ name: "search-1-copy" });
});

test("a trial that waits is changed in place, and stays one of its Experiment", () => {
  expect(storedDraft(stored({}), null)).toMatchObject({ text: TRIAL, stored: { resourceVersion: "3" } });
});
