// Changes of a text. An undo is the reverse of a change.

/** A part of a text that is replaced: the shape of a change of CodeMirror. */
export interface TextChange {
  from: number;
  /** End of the part that is replaced, in the text before the change. */
  to: number;
  insert: string;
}

/** Returns the change between two texts, without the start and the end that they share; null if they are equal. */
export function diffText(before: string, after: string): TextChange | null {
  if (before === after) return null;
  const shortest = Math.min(before.length, after.length);
  let from = 0;
  while (from < shortest && before.charCodeAt(from) === after.charCodeAt(from)) from++;
  let shared = 0;
  while (shared < shortest - from && before.charCodeAt(before.length - 1 - shared) === after.charCodeAt(after.length - 1 - shared)) shared++;
  return { from, to: before.length - shared, insert: after.slice(from, after.length - shared) };
}

export function applyChange(text: string, { from, to, insert }: TextChange): string {
  return text.slice(0, from) + insert + text.slice(to);
}

/** Returns a text after changes that all refer to the text before. They must not overlap; insertions at the same place keep their order. */
export function applyChanges(text: string, changes: readonly TextChange[]): string {
  const parts: string[] = [];
  let end = 0;
  for (const { from, to, insert } of [...changes].sort((a, b) => a.from - b.from || a.to - b.to)) {
    if (from < end) throw new RangeError("changes overlap");
    parts.push(text.slice(end, from), insert);
    end = to;
  }
  return parts.join("") + text.slice(end);
}

/** Returns the change that leads back to the text before a change. */
export function reverse(before: string, { from, to, insert }: TextChange): TextChange {
  return { from, to: from + insert.length, insert: before.slice(from, to) };
}
