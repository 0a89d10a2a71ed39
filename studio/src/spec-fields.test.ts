import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { JOB_FIELDS } from "./spec-fields";

test("the fields are those of the committed CRDs", { timeout: 60_000 }, () => {
  execFileSync(process.execPath, ["scripts/fields.mjs", "--check"], { stdio: "pipe" });
  expect(JOB_FIELDS["training.batchSize"].default).toBe(32);
});
