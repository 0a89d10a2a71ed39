import { expect, test } from "vitest";
import { experimentFigures, trainingFigures } from "./runFigures";

test("the figures of a training are those of its status", () => {
  const object = {
    status: {
      best: { epoch: 2, metric: "val_loss", value: "0.0436" },
      test: { accuracy: "0.9867" },
      metrics: { loss: "0.0368" },
      progress: { epoch: 3, epochs: 10, secondsPerEpoch: "15.2" },
      network: { parameters: 7, layers: 14 },
    },
  };
  expect(trainingFigures({ object }).map(({ name, value }) => `${name}: ${value}`)).toEqual([
    "Best val_loss: 0.0436 in epoch 2",
    "Test accuracy: 0.9867",
    "Last loss: 0.0368",
    "Epochs: 3 of 10",
    "Time of an epoch: 15.2 s",
    "Parameters: 7",
    "Layers: 14",
  ]);
});

test("a run without a status has no figures", () => {
  expect(trainingFigures({ object: {} })).toEqual([]);
  expect(trainingFigures({ object: { status: { metrics: { loss: 3 } } } })).toEqual([]);
});

test("an Experiment has its objective and the numbers of its trials", () => {
  const object = {
    spec: { objective: { metric: "val_accuracy", goal: "Maximize" }, maxTrials: 40 },
    status: { trials: { created: 12, failed: 0 } },
  };
  expect(experimentFigures({ object }).map(({ name, value }) => `${name}: ${value}`)).toEqual([
    "Objective: Maximize val_accuracy",
    "Trials at most: 40",
    "Trials created: 12",
    "Trials failed: 0",
  ]);
});
