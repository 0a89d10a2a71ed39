import { expect, test } from "vitest";
import { defaultMetrics, toPanels } from "./panels";

const curves = (...names: string[]) => names.map((name) => ({ name }));

test("training and validation share a panel, training first", () => {
  expect(toPanels(curves("val_loss", "loss", "accuracy", "val_accuracy"))).toEqual([
    { metric: "loss", curves: curves("loss", "val_loss") },
    { metric: "accuracy", curves: curves("accuracy", "val_accuracy") },
  ]);
});

test("learning rate and seconds come last", () => {
  expect(toPanels(curves("learning_rate", "seconds", "loss")).map((panel) => panel.metric)).toEqual([
    "loss",
    "learning_rate",
    "seconds",
  ]);
});

test("the loss and the monitored metric are shown first, as by epochal plot", () => {
  const metrics = ["loss", "accuracy", "auc", "learning_rate"];
  expect(defaultMetrics(metrics, "val_auc")).toEqual(["loss", "auc"]);
  expect(defaultMetrics(metrics, "val_loss")).toEqual(["loss", "accuracy"]);
  expect(defaultMetrics(metrics, null)).toEqual(["loss", "accuracy"]);
  expect(defaultMetrics(["seconds"], null)).toEqual([]);
});
