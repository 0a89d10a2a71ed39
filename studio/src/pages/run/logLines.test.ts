import { expect, test } from "vitest";
import { MAX_LINE, MAX_LOG_LINES, NO_LINES, allLines, appendText, findLines, splitMatches } from "./logLines";

const read = (...pieces: string[]) => pieces.reduce(appendText, NO_LINES);

test("lines may arrive in any pieces", () => {
  expect(allLines(read("one\ntw", "o\n", "thr", "ee"))).toEqual(["one", "two", "three"]);
});

test("the last lines stay, and the number of the first one counts", () => {
  const log = read(`${Array.from({ length: MAX_LOG_LINES }, (_, index) => index).join("\n")}\n`, "x\ny\n");
  expect(log.lines).toHaveLength(MAX_LOG_LINES);
  expect(log.lines.slice(-2)).toEqual(["x", "y"]);
  expect(log.first).toBe(2);
});

test("a piece with more lines than the page keeps leaves its last ones", () => {
  const log = read("a\n", `${"b\n".repeat(MAX_LOG_LINES + 7)}c\n`);
  expect(log.lines).toHaveLength(MAX_LOG_LINES);
  expect(log.lines.at(-1)).toBe("c");
  expect(log.first).toBe(9);
});

test("a line without an end takes no more memory than a line may", () => {
  const log = Array.from({ length: 100 }, () => "x".repeat(1000)).reduce(appendText, NO_LINES);
  expect(log.rest.length).toBeLessThanOrEqual(MAX_LINE + 1);
  expect(allLines(log)[0]).toMatch(/x … \(cut off\)$/u);
});

test("colours of terminals and carriage returns are left out", () => {
  expect(allLines(read("\u001b[31mError\u001b[0m\r\n\ttab\u0007\n"))).toEqual(["Error", "\ttab"]);
});

test("a search finds lines in upper and lower case", () => {
  expect(findLines(["Epoch 1", "loss", "EPOCH 2"], "epoch")).toEqual([0, 2]);
  expect(findLines(["a"], "")).toEqual([]);
});

test("matches of a line are parts of it", () => {
  expect(splitMatches("Epoch epoch!", "epoch")).toEqual([
    { text: "Epoch", isMatch: true },
    { text: " ", isMatch: false },
    { text: "epoch", isMatch: true },
    { text: "!", isMatch: false },
  ]);
  expect(splitMatches("İstanbul", "stan")).toEqual([{ text: "İstanbul", isMatch: false }]);
});
