import { expect, test } from "vitest";
import { fileAddress, pictureAddress } from "./addresses";

const run = { kind: "TrainingJob", namespace: "vision", name: "mnist" } as const;

test("a file of a folder keeps its slashes, and nothing else of its name is a part of the address", () => {
  expect(fileAddress(run, "checkpoints/a?b#c.keras")).toBe(
    "/api/runs/TrainingJob/vision/mnist/files/checkpoints/a%3Fb%23c.keras",
  );
  expect(pictureAddress(run, "mistakes-odd.png")).toBe("/api/runs/TrainingJob/vision/mnist/pictures/mistakes-odd.png");
  expect(pictureAddress(run, "rungs.png", "7")).toBe("/api/runs/TrainingJob/vision/mnist/pictures/rungs.png?version=7");
});
