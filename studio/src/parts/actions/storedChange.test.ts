import { expect, test } from "vitest";
import { isChanged } from "./storedChange";

test.each([
  [{ uid: "u", generation: 2 }, false],
  [{ uid: "u", generation: 3 }, true],
  [{ uid: "u", generation: 1 }, false],
  [{ uid: "other", generation: 1 }, true],
])("the version 2 of u, and %o", (now, expected) => expect(isChanged({ uid: "u", generation: 2 }, now)).toBe(expected));

test("a draft of an earlier Studio has no version to compare", () => expect(isChanged({}, { uid: "u", generation: 3 })).toBe(false));
