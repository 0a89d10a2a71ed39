import { expect, test } from "vitest";
import { conflictRows } from "./conflicts";

test("only the fields that another user has changed are listed, with the own values", () => {
  const seen = { spec: { training: { epochs: 1, seed: 1 }, suspend: true } };
  const current = { spec: { training: { epochs: 5, seed: 1 }, suspend: true, backoffLimit: 3 } };
  const mine = "kind: TrainingJob\nspec:\n  training: {epochs: 9, seed: 4}\n  suspend: true\n";
  expect(conflictRows(seen, current, mine)).toEqual([
    { path: "spec.training.epochs", mine: "9", stored: "5" },
    { path: "spec.backoffLimit", mine: undefined, stored: "3" },
  ]);
  expect(conflictRows(seen, current, mine.replace("9", "5"))[0]).toEqual({ path: "spec.training.epochs", mine: "5", stored: "5" });
});
