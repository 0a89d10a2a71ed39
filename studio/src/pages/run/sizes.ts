/** Sizes of files as texts. */

const UNITS = ["B", "kB", "MB", "GB", "TB"] as const;

/** Returns a number of bytes, such as 1.2 MB, as the command `epochal` prints it. */
export function readableBytes(size: number): string {
  let value = size;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toFixed(unit === 0 ? 0 : 1)} ${UNITS[unit] ?? ""}`;
}
