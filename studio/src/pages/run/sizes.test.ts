import { expect, test } from "vitest";
import { readableBytes } from "./sizes";

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1234, "1.2 kB"],
  [712_400, "712.4 kB"],
  [2_000_000_000, "2.0 GB"],
])("%d bytes are %s", (size, text) => {
  expect(readableBytes(size)).toBe(text);
});
