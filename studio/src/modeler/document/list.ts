// Writes another list: items that stay keep their text and comments, also if they move.
import { isMap, type ParsedNode } from "yaml";
import { applyChanges, type TextChange } from "../change";
import { isEqual, isList, isObject, type Json } from "../json";
import { insertedEntries, removedEntries } from "./flow";
import { endOfLine, isFirstOnLine, startOfLine, wholeLines } from "./lines";
import { itemsOf, type ListItem } from "./nodes";
import { flow, listItem } from "./stringify";
import type { Origins, Writer } from "./write";

/** An item of the new list. `old` is its position in the old list, or -1; `isKept` is whether it stays at its place. */
interface Placed {
  value: Json;
  old: number;
  isKept: boolean;
}

export class ListWriter {
  readonly #writer: Writer;
  readonly #text: string;
  readonly #items: readonly ListItem[];
  readonly #isFlow: boolean;

  constructor(writer: Writer, node: ParsedNode, isInFlow: boolean) {
    this.#writer = writer;
    this.#text = writer.text;
    this.#items = itemsOf(node);
    this.#isFlow = isInFlow || ("flow" in node && Boolean(node.flow));
  }

  /** Returns the changes between two lists that are not empty; null if the places of the items are unknown. */
  changes(before: readonly Json[], after: readonly Json[]): TextChange[] | null {
    if (this.#items.length !== before.length) return null;
    const placed = place(before, after, this.#writer.origins);
    const kept = new Set(placed.filter(({ isKept }) => isKept).map(({ old }) => old));
    const isSame = kept.size === before.length && after.length === before.length;
    if (!isSame && (kept.size === 0 || (!this.#isFlow && !isFirstOnLine(this.#text, this.#items[0]?.from ?? 0)))) return null;
    const changes = placed.filter(({ isKept }) => isKept).flatMap(({ old, value }) => this.#within(before, old, value));
    if (isSame) return changes;
    const moved = new Set(placed.filter(({ isKept, old }) => !isKept && old >= 0).map(({ old }) => old));
    return [...changes, ...this.#removals(kept, moved), ...this.#insertions(before, placed, kept)];
  }

  /** Returns the changes inside of an item. */
  #within(before: readonly Json[], old: number, value: Json): TextChange[] {
    const item = this.#item(old);
    return this.#writer.node(item.node, before[old] ?? null, value, this.#writer.column(item.from), this.#isFlow);
  }

  #removals(kept: ReadonlySet<number>, moved: ReadonlySet<number>): TextChange[] {
    const isGone = (index: number) => !kept.has(index);
    if (this.#isFlow) return removedEntries(this.#text, this.#items.map(({ from, to }) => ({ from, to: to(this.#text) })), isGone);
    return this.#items.flatMap((_, index) => (isGone(index) ? [{ from: this.#start(index, moved.has(index)), to: this.#end(index), insert: "" }] : []));
  }

  #insertions(before: readonly Json[], placed: readonly Placed[], kept: ReadonlySet<number>): TextChange[] {
    const changes: TextChange[] = [];
    const front = Math.min(...kept);
    let behind = -1;
    let waiting: string[] = [];
    const insert = () => {
      if (waiting.length > 0) changes.push(this.#isFlow ? this.#inFlow(waiting, behind, front) : this.#inBlock(waiting, behind, front));
      waiting = [];
    };
    for (const { value, old, isKept } of placed) {
      if (isKept) {
        insert();
        behind = old;
      } else {
        waiting.push(old >= 0 ? this.#moved(before, old, value) : this.#written(value, behind >= 0 ? behind : front));
      }
    }
    insert();
    return changes;
  }

  #inFlow(added: readonly string[], behind: number, front: number): TextChange {
    const entry = (index: number) => ({ from: this.#item(index).from, to: this.#item(index).to(this.#text) });
    return insertedEntries(this.#text, added, behind >= 0 ? entry(behind) : undefined, entry(front));
  }

  #inBlock(added: readonly string[], behind: number, front: number): TextChange {
    const from = behind >= 0 ? this.#end(behind) : this.#start(front, true);
    return { from, to: from, insert: wholeLines(this.#text, from, added.join("\n")) };
  }

  /** Returns the text of an item at its new place, with the comments above it. */
  #moved(before: readonly Json[], old: number, value: Json): string {
    const from = this.#isFlow ? this.#item(old).from : this.#start(old, true);
    const to = this.#isFlow ? this.#item(old).to(this.#text) : this.#end(old);
    const changes = this.#within(before, old, value).map((change) => ({ ...change, from: change.from - from, to: change.to - from }));
    return applyChanges(this.#text.slice(from, to), changes).replace(/\r?\n$/u, "");
  }

  /** Returns the text of a new item, in the notation of another one. */
  #written(value: Json, like: number): string {
    if (this.#isFlow) return flow(value);
    const { node } = this.#item(like);
    const column = this.#writer.column(this.#item(like).from);
    return `${" ".repeat(column)}- ${listItem(value, column + 2, isMap(node) && !node.flow)}`;
  }

  /** Returns the start of an item's first line, or of the comments directly above it. */
  #start(index: number, withComments: boolean): number {
    const text = this.#text;
    const { from } = this.#item(index);
    let start = startOfLine(text, from);
    const indent = text.slice(start, from);
    const limit = index > 0 ? this.#end(index - 1) : 0;
    while (withComments && start > limit) {
      const above = startOfLine(text, start - 1);
      if (above < limit || !text.slice(above, start).startsWith(`${indent}#`)) break;
      start = above;
    }
    return start;
  }

  #end(index: number): number {
    return endOfLine(this.#text, this.#item(index).to(this.#text));
  }

  #item(index: number): ListItem {
    const item = this.#items[index];
    if (!item) throw new RangeError(`the list has no item ${index}`);
    return item;
  }
}

/** Returns the old position of each new item. As many items as possible stay at their place. */
function place(before: readonly Json[], after: readonly Json[], origins: Origins): Placed[] {
  const positions = new Map<Json, number[]>();
  for (const [index, value] of before.entries()) {
    const list = positions.get(value);
    if (list) list.push(index);
    else positions.set(value, [index]);
  }
  for (const list of positions.values()) list.reverse();
  const old = after.map((value) => positions.get(origins.get(value) ?? value)?.pop() ?? -1);
  const used = new Set(old);
  // An item in the place of another one, if none has moved.
  if (before.length === after.length) for (const [index, found] of old.entries()) if (found < 0 && !used.has(index) && isAlike(before[index], after[index])) old[index] = index;
  const kept = longestIncreasing(old);
  return after.map((value, index) => ({ value, old: old[index] ?? -1, isKept: kept.has(index) }));
}

function isAlike(a: Json | undefined, b: Json | undefined): boolean {
  return isEqual(a, b) || isObject(a) === isObject(b) || isList(a) === isList(b);
}

/** Returns the positions of a longest increasing part of a list, without negative values. */
function longestIncreasing(values: readonly number[]): Set<number> {
  const ends: number[] = [];
  const before: number[] = [];
  for (const [index, value] of values.entries()) {
    if (value < 0) continue;
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((values[ends[middle] ?? 0] ?? 0) < value) low = middle + 1;
      else high = middle;
    }
    before[index] = ends[low - 1] ?? -1;
    ends[low] = index;
  }
  const kept = new Set<number>();
  for (let index = ends.at(-1) ?? -1; index >= 0; index = before[index] ?? -1) kept.add(index);
  return kept;
}
