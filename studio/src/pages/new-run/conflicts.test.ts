import { expect, test } from "vitest";
import { conflictRows } from "./conflicts";
import { contentOf } from "./document";

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

test("labels that both versions have are no difference, and own labels count as such", () => {
  const text = "kind: TrainingJob\nmetadata:\n  name: a\n  labels: {team: vision}\nspec: {backoffLimit: 1}\n";
  const seen = contentOf(text);
  expect(conflictRows(seen, { ...seen, spec: { backoffLimit: 2 } }, text).map(({ path }) => path)).toEqual(["spec.backoffLimit"]);
  expect(conflictRows(seen, { ...seen, metadata: { labels: { team: "audio" } } }, text)).toEqual([{ path: "metadata.labels.team", mine: '"vision"', stored: '"audio"' }]);
});
