/** The last lines of a log that arrives in pieces. */

/** Maximum number of lines in the page. The download has all lines. */
export const MAX_LOG_LINES = 5000;
/** Maximum characters of a line; the rest is cut off, so that a line without an end takes no memory. */
export const MAX_LINE = 8192;
const CUT = " … (cut off)";
// Colours and cursor movements of terminals, and other control characters except tabs.
const CONTROL = /\u001b\[[0-9;?]*[A-Za-z]|[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

export interface LogLines {
  lines: readonly string[];
  /** Number of the first line in `lines`, counted from 0 since the start of the stream. */
  first: number;
  /** The line that has no end yet. */
  rest: string;
}

export const NO_LINES: LogLines = { lines: [], first: 0, rest: "" };

/** Returns the last lines after another piece of text. */
export function appendText(log: LogLines, text: string): LogLines {
  const parts = text.split("\n");
  const last = parts.pop() ?? "";
  if (parts.length === 0) return { ...log, rest: extended(log.rest, last) };
  parts[0] = extended(log.rest, parts[0] ?? "");
  const added = parts.slice(-MAX_LOG_LINES).map(cleaned);
  const kept = Math.max(0, MAX_LOG_LINES - added.length);
  const before = log.lines.slice(Math.max(0, log.lines.length - kept));
  return {
    lines: [...before, ...added],
    first: log.first + log.lines.length - before.length + parts.length - added.length,
    rest: extended("", last),
  };
}

/** Returns all lines, with the last one that has no end yet. */
export function allLines(log: LogLines): readonly string[] {
  return log.rest === "" ? log.lines : [...log.lines, cleaned(log.rest)];
}

/** Returns the indices of the lines that contain a text, in upper or lower case. */
export function findLines(lines: readonly string[], text: string): number[] {
  const wanted = text.toLowerCase();
  if (wanted === "") return [];
  return lines.flatMap((line, index) => (line.toLowerCase().includes(wanted) ? [index] : []));
}

/** Returns a line as parts, each a match or the text between matches. */
export function splitMatches(line: string, text: string): { text: string; isMatch: boolean }[] {
  const wanted = text.toLowerCase();
  const lower = line.toLowerCase();
  // Some letters change their length in lower case, such as İ. Their lines have no marks.
  if (wanted === "" || lower.length !== line.length) return [{ text: line, isMatch: false }];
  const parts: { text: string; isMatch: boolean }[] = [];
  let begin = 0;
  for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, begin)) {
    if (at > begin) parts.push({ text: line.slice(begin, at), isMatch: false });
    parts.push({ text: line.slice(at, at + wanted.length), isMatch: true });
    begin = at + wanted.length;
  }
  if (begin < line.length) parts.push({ text: line.slice(begin), isMatch: false });
  return parts;
}

function extended(start: string, text: string): string {
  return start.length > MAX_LINE ? start : start + text.slice(0, MAX_LINE + 1 - start.length);
}

function cleaned(line: string): string {
  const shown = line.replace(CONTROL, "");
  return line.length > MAX_LINE ? shown.slice(0, MAX_LINE) + CUT : shown;
}
