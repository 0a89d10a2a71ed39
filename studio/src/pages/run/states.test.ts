import { expect, test } from "vitest";
import type { RunSummary } from "../../wire";
import { causeOf, hasEnded } from "./states";

const summary = (state: string, reason: string) => ({ state, reason }) as RunSummary;

test("the cause has the whole message of the condition, with its remedy", () => {
  const message = "0/3 nodes have a free GPU. Wait, request less, or add a node.";
  const object = { status: { conditions: [{ type: "Ready", status: "True", reason: "Unschedulable", message }] } };
  expect(causeOf({ summary: summary("Queued", "Unschedulable: 0/3 nodes …"), object })).toEqual({
    reason: "Unschedulable",
    message,
    isFailure: false,
  });
});

test("without the condition the cause is that of the list", () => {
  expect(causeOf({ summary: summary("Failed", "OutOfMemory: limit: 3Gi"), object: {} })).toEqual({
    reason: "OutOfMemory",
    message: "limit: 3Gi",
    isFailure: true,
  });
  expect(causeOf({ summary: summary("Running", ""), object: {} })).toBeNull();
});

test("a suspended run has not ended", () => {
  expect(hasEnded("Complete")).toBe(true);
  expect(hasEnded("Suspended")).toBe(false);
});
