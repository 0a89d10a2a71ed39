// Removes and inserts the fields of an object in the text of a document.
import type { TextChange } from "../change";
import type { Json } from "../json";
import { isMerge, keyOf } from "./build";
import { insertedEntries, removedEntries } from "./flow";
import { endOfLine, isFirstOnLine, startOfLine, wholeLines } from "./lines";
import { endOfPair, startOfPair, type ParsedPair } from "./nodes";
import { behindKey, flow } from "./stringify";
import type { Writer } from "./write";

/** Returns the changes that remove fields with the comments on their lines. At least one field must stay. */
export function deletedFields(text: string, pairs: readonly ParsedPair[], gone: readonly ParsedPair[], isFlow: boolean): TextChange[] {
  if (gone.length === 0) return [];
  const isGone = (index: number) => gone.includes(pairs[index] as ParsedPair);
  if (isFlow) return removedEntries(text, pairs.map((pair) => entryOf(pair, text)), isGone);
  const first = pairs.findIndex((_, index) => !isGone(index));
  const changes: TextChange[] = [];
  for (const [index, pair] of pairs.entries()) {
    if (!isGone(index)) continue;
    const from = startOfPair(pair);
    const to = endOfLine(text, endOfPair(pair, text));
    if (isFirstOnLine(text, from)) {
      changes.push({ from: startOfLine(text, from), to, insert: "" });
      continue;
    }
    // The first field behind a dash: the next one takes its place.
    const start = startOfPair(pairs[first] as ParsedPair);
    const end = endOfLine(text, endOfPair(pairs[first - 1] as ParsedPair, text));
    return [{ from, to: text.slice(end, start).trim() === "" ? start : end, insert: "" }, ...deletedFields(text, pairs.slice(first), gone, false)];
  }
  return changes;
}

/** Returns the changes that insert fields, each behind the field that precedes it in `order`. */
export function insertedFields(
  writer: Writer, mapStart: number, pairs: readonly ParsedPair[], gone: readonly ParsedPair[], order: readonly string[],
  added: readonly (readonly [string, Json])[], isFlow: boolean,
): TextChange[] {
  const { text } = writer;
  const kept = new Map(pairs.filter((pair) => !gone.includes(pair)).map((pair) => [isMerge(pair.key) ? Symbol("merge") : (keyOf(pair.key) ?? ""), pair]));
  const front = [...kept.values()][0];
  const values = new Map(added);
  const changes: TextChange[] = [];
  let behind: ParsedPair | undefined;
  let waiting: (readonly [string, Json])[] = [];
  const insert = () => {
    if (waiting.length > 0) changes.push(isFlow ? inFlow(text, mapStart, waiting, behind, front) : inBlock(writer, waiting, behind, front as ParsedPair));
    waiting = [];
  };
  for (const key of order) {
    const pair = kept.get(key);
    if (pair) {
      insert();
      behind = pair;
    } else if (values.has(key)) {
      waiting.push([key, values.get(key) ?? null]);
    }
  }
  insert();
  return changes;
}

function inFlow(text: string, mapStart: number, added: readonly (readonly [string, Json])[], behind: ParsedPair | undefined, front: ParsedPair | undefined): TextChange {
  const texts = added.map(([key, value]) => flow({ [key]: value }).slice(1, -1));
  if (front) return insertedEntries(text, texts, behind && entryOf(behind, text), entryOf(front, text));
  return { from: mapStart + 1, to: mapStart + 1, insert: texts.join(", ") };
}

function inBlock(writer: Writer, added: readonly (readonly [string, Json])[], behind: ParsedPair | undefined, front: ParsedPair): TextChange {
  const { text } = writer;
  const start = startOfPair(front);
  const column = writer.column(start);
  const indent = " ".repeat(column);
  const lines = added.map(([key, value]) => `${flow(key)}:${behindKey(value, column)}`);
  if (!behind) return { from: start, to: start, insert: lines.map((line) => `${line}\n${indent}`).join("") };
  const from = endOfLine(text, endOfPair(behind, text));
  return { from, to: from, insert: wholeLines(text, from, lines.map((line) => `${indent}${line}`).join("\n")) };
}

function entryOf(pair: ParsedPair, text: string): { from: number; to: number } {
  return { from: startOfPair(pair), to: endOfPair(pair, text) };
}
