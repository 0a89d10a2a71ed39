import { expect, test } from "vitest";
import { seenMetadata } from "./seenMetadata";

test("the annotation of kubectl apply and other fields are left out", () => {
  const annotations = { "kubectl.kubernetes.io/last-applied-configuration": "{}", note: "x" };
  expect(seenMetadata({ metadata: { name: "net", labels: { team: "a" }, annotations } })).toEqual({ labels: { team: "a" }, annotations: { note: "x" } });
  expect(seenMetadata({})).toEqual({ labels: {}, annotations: {} });
});

test("large annotations are not sent", () => {
  expect(seenMetadata({ metadata: { annotations: { note: "x".repeat(40_000) } } })).toBeUndefined();
});
