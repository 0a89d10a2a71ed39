import { expect, test } from "vitest";
import { problem } from "../../../api/client";
import type { Saved } from "../../../wire";
import { stepText } from "./stepText";
import type { Step } from "./useSave";

const saved = { key: { kind: "TrainingJob", namespace: "team", name: "digits" } } as Saved;

test.each<[Step, string]>([
  [{ name: "name", suggestion: "digits-2", cause: "A run needs a name." }, "name of a new run. A run needs a name."],
  [{ name: "namespace" }, "namespace of the run"],
  [{ name: "conflict", stored: {} }, "has changed the stored run"],
  [{ name: "failed", problem: problem("Forbidden", "You may not create runs.", "Ask for the role edit.") }, "You may not create runs. Ask for the role edit."],
  [{ name: "saved", saved }, "digits is stored in team"],
])("the step %j is told without its dialog", (step, expected) => {
  expect(stepText(step)).toContain(expected);
});
