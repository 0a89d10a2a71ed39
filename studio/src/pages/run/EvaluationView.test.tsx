import { render, screen, within } from "@testing-library/react";
import { expect, test } from "vitest";
import type { Evaluation } from "../../evaluation-report";
import { EvaluationView } from "./EvaluationView";

const evaluation: Evaluation = {
  model: { name: "best.keras", epoch: 3, sha256: "0".repeat(64) },
  data: "test",
  samples: 20,
  evaluated: 18,
  skipped: 0,
  unlabeled: 2,
  notFinite: 0,
  classes: {
    count: 2,
    correct: 15,
    accuracy: 15 / 18,
    confusion: [
      [9, 1],
      [2, 6],
    ],
    confused: [{ label: 1, answer: 0, samples: 2 }],
    byClass: [
      { index: 0, name: "cat", samples: 10, answers: 11, correct: 9, precision: 9 / 11, recall: 0.9 },
      { index: 1, name: "dog", samples: 8, answers: 7, correct: 6, precision: 6 / 7, recall: 0.75 },
    ],
    mistakes: [
      {
        place: { source: "digits.npz[x_test]", row: 7 },
        label: 1,
        answer: 0,
        probability: 0.98,
        labelProbability: 0.02,
      },
    ],
  },
};

test("the confusion matrix is a table with headers, and its numbers need no colour", () => {
  render(<EvaluationView evaluation={evaluation} picture={(file) => `/pictures/${file}`} />);
  const table = screen.getByRole("table", { name: "Confusion matrix" });
  const row = within(table).getByRole("row", { name: /^dog/u });
  expect(
    within(row)
      .getAllByRole("cell")
      .map((cell) => cell.textContent),
  ).toEqual(["2", "6"]);
  expect(within(table).getByRole("columnheader", { name: "cat" })).toBeTruthy();
});

test("samples that are missing in the figures have their reason", () => {
  render(<EvaluationView evaluation={evaluation} picture={(file) => file} />);
  expect(screen.getByText(/18 of 20 samples of the test set; 2 have no class/u)).toBeTruthy();
});

test("counts have separators of thousands", () => {
  const classes = evaluation.classes && { ...evaluation.classes, correct: 9000, confusion: [[5432, 1], [2, 3568]] };
  render(<EvaluationView evaluation={{ ...evaluation, samples: 10000, evaluated: 9998, classes: classes ?? null }} picture={(file) => file} />);
  expect(screen.getByText(/9,998 of 10,000 samples of the test set/u)).toBeTruthy();
  expect(screen.getByText("9,000 of 9,998")).toBeTruthy();
  expect(within(screen.getByRole("table", { name: "Confusion matrix" })).getByRole("cell", { name: "5,432" })).toBeTruthy();
});

test("an output without a picture does not show that of another output", () => {
  const { classes } = evaluation;
  const of = { evaluated: 18, unlabeled: 0, notFinite: 0, classes: classes ?? null };
  const outputs = { one: { ...of, mistakes: "mistakes.png" }, two: of };
  render(<EvaluationView evaluation={{ ...evaluation, output: "two", outputs }} picture={(file) => file} />);
  expect(screen.queryByRole("img")).toBeNull();
  expect(screen.getByText(/too little time or memory/u)).toBeTruthy();
});

test("mistakes have their picture, their place and their probabilities", () => {
  render(<EvaluationView evaluation={evaluation} picture={(file) => `/pictures/${file}`} />);
  expect(screen.getByRole("img").getAttribute("src")).toBe("/pictures/mistakes.png");
  const row = screen.getByRole("row", { name: /digits.npz\[x_test\], row 7/u });
  expect(row.textContent).toContain("98.0 %");
});
