// Removes and inserts entries between the commas of [] and {}.
import type { TextChange } from "../change";
import { endOfLine, isFirstOnLine, isLastOnLine, startOfLine } from "./lines";

/** An entry: its begin, and its end before the comma. */
export interface Entry {
  from: number;
  to: number;
}

/** Returns the changes that remove entries; at least one of them must stay. */
export function removedEntries(text: string, entries: readonly Entry[], isGone: (index: number) => boolean): TextChange[] {
  const first = entries.findIndex((_, index) => !isGone(index));
  const changes: TextChange[] = [];
  for (const [index, { from, to }] of entries.entries()) {
    if (!isGone(index)) continue;
    const next = entries[index + 1];
    const before = entries[index - 1];
    if (isFirstOnLine(text, from) && isLastOnLine(text, to)) changes.push({ from: startOfLine(text, from), to: endOfLine(text, to), insert: "" });
    else if (index < first && next) changes.push({ from, to: next.from, insert: "" });
    else if (before) changes.push({ from: before.to, to, insert: "" });
  }
  return changes;
}

/** Returns the change that inserts entries behind an entry, or in front of the first one that stays. */
export function insertedEntries(text: string, added: readonly string[], behind: Entry | undefined, front: Entry): TextChange {
  const place = behind ?? front;
  // A list with a line for each entry keeps this form.
  const line = isFirstOnLine(text, place.from) && isLastOnLine(text, place.to) && startOfLine(text, place.from) > 0;
  const space = line ? `\n${text.slice(startOfLine(text, place.from), place.from)}` : " ";
  if (behind) return { from: behind.to, to: behind.to, insert: added.map((each) => `,${space}${each}`).join("") };
  return { from: front.from, to: front.from, insert: added.map((each) => `${each},${space}`).join("") };
}
