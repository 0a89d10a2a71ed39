import { render, screen, within } from "@testing-library/react";
import { expect, test } from "vitest";
import type { DataSummary, SetSummary } from "../../data-report";
import { DataView } from "./DataView";

const set = (samples: number, changes: Partial<SetSummary> = {}): SetSummary => ({
  samples,
  features: { source: "digits.npz[x]", shape: [28, 28], dtype: "uint8", lowest: 0, highest: 255, mean: 33.5 },
  labels: {
    source: "digits.npz[y]",
    shape: [],
    dtype: "uint8",
    classes: {
      count: 2,
      byClass: [
        { index: 0, name: "<b>odd</b>", samples },
        { index: 1, samples: 3 },
      ],
    },
  },
  repeated: { checked: samples, found: 0 },
  ...changes,
});

test("arrays have shape, type and range, and classes their samples in each set", () => {
  const { container } = render(<DataView report={{ train: set(100), test: set(20) }} />);
  const arrays = screen.getByRole("table", { name: "Arrays" });
  expect(
    within(arrays)
      .getAllByRole("row")
      .map((row) => row.textContent),
  ).toContain("trainfeatures10028 × 28uint80 to 25533.5digits.npz[x]");
  const classes = screen.getByRole("table", { name: "Samples of each class" });
  expect(within(classes).getByRole("row", { name: /odd/u }).textContent).toBe("<b>odd</b>10020");
  expect(container.querySelector("b")).toBeNull();
});

test("columns have their names, or their numbers without names", () => {
  const named = set(10);
  const columns = [{ lowest: 1, highest: 2, mean: 1.5, name: "<b>height</b>" }, { lowest: 3, highest: 4, mean: 3.5 }];
  const report: DataSummary = { train: { ...named, features: { ...named.features, columns } } };
  const { container } = render(<DataView report={report} />);
  const table = screen.getByRole("table", { name: /Columns or channels/u });
  const rows = within(table).getAllByRole("row");
  expect(rows.map((row) => row.textContent).slice(1)).toEqual(["<b>height</b>1 to 21.5", "13 to 43.5"]);
  expect(container.querySelector("b")).toBeNull();
});

test("counts have separators of thousands, and numbers are aligned to the right", () => {
  render(<DataView report={{ train: set(60000, { repeated: { checked: 60000, found: 1234 } }) }} />);
  const arrays = screen.getByRole("table", { name: "Arrays" });
  expect(within(arrays).getAllByRole("cell", { name: "60,000" })[0]?.className).toBe("figure");
  expect(within(arrays).getByRole("cell", { name: "0 to 255" }).className).toBe("figure");
  expect(within(screen.getByRole("table", { name: "Samples of each class" })).getByRole("cell", { name: "60,000" })).toBeTruthy();
  expect(screen.getByText(/1,234 of 60,000 checked samples/u)).toBeTruthy();
});

test("samples that two sets share are a warning", () => {
  const report: DataSummary = { train: set(100), shared: [{ set: "test", other: "train", checked: 20, found: 4 }] };
  render(<DataView report={report} />);
  expect(screen.getByText("4 of 20 checked samples of test are in train, too.")).toBeTruthy();
});

test("several inputs and outputs have a row each", () => {
  const several = set(10);
  render(
    <DataView
      report={{ train: { ...several, inputs: { image: several.features }, outputs: { digit: several.labels } } }}
    />,
  );
  const arrays = screen.getByRole("table", { name: "Arrays" });
  expect(within(arrays).getByRole("cell", { name: "image" })).toBeTruthy();
  expect(within(arrays).getByRole("cell", { name: "digit" })).toBeTruthy();
});
