// Lines of a text by offsets.

export function startOfLine(text: string, offset: number): number {
  return offset === 0 ? 0 : text.lastIndexOf("\n", offset - 1) + 1;
}

/** Returns the offset behind the end of a line. */
export function endOfLine(text: string, offset: number): number {
  const end = text.indexOf("\n", offset);
  return end < 0 ? text.length : end + 1;
}

/** Whether only spaces are in front of an offset on its line. */
export function isFirstOnLine(text: string, offset: number): boolean {
  return text.slice(startOfLine(text, offset), offset).trim() === "";
}

/** Whether only a comma and a comment are behind an offset on its line. */
export function isLastOnLine(text: string, offset: number): boolean {
  return /^[ \t]*,?[ \t]*(?:#.*)?$/u.test(text.slice(offset, endOfLine(text, offset)).trimEnd());
}

/** Returns lines to insert at the start of a line, or behind a last line that has no end. */
export function wholeLines(text: string, offset: number, lines: string): string {
  return offset === text.length && text !== "" && !text.endsWith("\n") ? `\n${lines}` : `${lines}\n`;
}
