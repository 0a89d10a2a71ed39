import { expect, test } from "vitest";
import { parallel } from "./parallelAxes";
import { afterKey } from "./parallelKeys";

const row = (id: string, cells: string[], isBest = false) => ({ id, label: id, cells, isBest });
/** The lines are b, c and a: the best one is the last. */
const DRAWN = parallel(["units", "value"], [row("a", ["16", "0.9"], true), row("b", ["32", "0.5"]), row("c", ["24", "0.7"])]);

test("the first key begins at the best result, and others move by value and by axis", () => {
  let cursor = afterKey(null, "ArrowUp", DRAWN) ?? null;
  expect(cursor).toEqual({ axis: 1, line: 2 });
  const path = ["ArrowDown", "ArrowLeft", "ArrowUp", "ArrowUp", "Home", "ArrowRight", "End", "PageDown"].map((key) => {
    cursor = afterKey(cursor, key, DRAWN) ?? null;
    return cursor && [DRAWN.axes[cursor.axis]?.name, DRAWN.lines[cursor.line]?.id];
  });
  expect(path).toEqual([["value", "c"], ["units", "c"], ["units", "b"], ["units", "b"], ["units", "a"], ["value", "a"], ["value", "a"], ["value", "b"]]);
});

test("Escape removes the cursor, and other keys have no meaning", () => {
  expect(afterKey({ axis: 0, line: 0 }, "Escape", DRAWN)).toBeNull();
  expect([afterKey(null, "Escape", DRAWN), afterKey(null, "Tab", DRAWN)]).toEqual([undefined, undefined]);
});
