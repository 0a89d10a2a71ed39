import { execFileSync } from "node:child_process";
import { test } from "vitest";

test("the types are those of the committed schemas", { timeout: 60_000 }, () => {
  execFileSync(process.execPath, ["scripts/types.mjs", "--check"], { stdio: "pipe" });
});
