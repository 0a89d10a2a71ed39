/** Cells of a table as text: a CSV file, or cells pasted from a spreadsheet. */

/** Maximum characters of a table. */
export const MAX_CHARACTERS = 1_000_000;

export interface Cells {
  rows: string[][];
  /** Character between the cells of a row. */
  separator: "," | ";" | "\t";
}

/** Returns the cells of a text. Quotes are those of RFC 4180; lines without content are left out. */
export function readCells(text: string): Cells {
  const content = text.replace(/^\uFEFF/u, "");
  const separator = separatorOf(content);
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = "";
  let isQuoted = false;
  let wasQuoted = false;
  const endCell = () => {
    row.push(wasQuoted ? cell : cell.trim());
    cell = "";
    wasQuoted = false;
  };
  const endRow = () => {
    endCell();
    if (row.some((each) => each !== "")) rows.push(row);
    row = [];
  };
  for (let at = 0; at < content.length; at += 1) {
    const character = content.charAt(at);
    if (isQuoted) {
      if (character !== '"') cell += character;
      else if (content[at + 1] === '"') {
        cell += '"';
        at += 1;
      } else isQuoted = false;
    } else if (character === '"' && cell.trim() === "" && !wasQuoted) {
      [cell, isQuoted, wasQuoted] = ["", true, true];
    } else if (character === separator) endCell();
    else if (character === "\n") endRow();
    else if (character !== "\r" && !(wasQuoted && character === " ")) cell += character;
  }
  endRow();
  return { rows, separator };
}

/** Returns the separator of the first line. A semicolon separates cells without commas, and numbers with a decimal comma. */
function separatorOf(text: string): Cells["separator"] {
  const [line = ""] = text.trimStart().replace(/"[^"]*"/gu, "").split("\n", 1);
  if (line.includes("\t")) return "\t";
  const cells = line.split(";");
  return cells.length > 1 && cells.every((cell) => /^[^,]*$|^\s*[-+]?\d*,\d+\s*$/u.test(cell)) ? ";" : ",";
}
