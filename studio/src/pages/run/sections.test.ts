import { expect, test } from "vitest";
import { sectionOf, sectionsOf } from "./sections";

test("an address names a section of the kind", () => {
  expect(sectionOf("TrainingJob", "log")).toBe("log");
  expect(sectionOf("ModelServer", "log")).toBe("overview");
  expect(sectionOf("Experiment", null)).toBe("overview");
  expect(sectionsOf("Experiment")).toContain("trials");
});
