// Figures, times and counts as people read them.

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Returns a figure with four significant digits; `not finite` for null. */
export function formatFigure(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return "not finite";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e7) return value.toExponential(2);
  if (size >= 1e4) return Math.round(value).toString();
  return value.toPrecision(4);
}

/** Returns a duration in its two largest units, such as `1h 5m`. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < MINUTE) return `${seconds}s`;
  if (seconds < 10 * MINUTE) return join(seconds, MINUTE, "m", 1, "s");
  if (seconds < HOUR) return `${Math.round(seconds / MINUTE)}m`;
  if (seconds < DAY) return join(seconds, HOUR, "h", MINUTE, "m");
  if (seconds < 10 * DAY) return join(seconds, DAY, "d", HOUR, "h");
  return `${Math.round(seconds / DAY)}d`;
}

function join(seconds: number, large: number, largeName: string, small: number, smallName: string): string {
  const whole = Math.floor(seconds / large);
  const rest = Math.floor((seconds % large) / small);
  return rest ? `${whole}${largeName} ${rest}${smallName}` : `${whole}${largeName}`;
}

/** Returns the time since a moment, without small units: `now`, `12m`, `3h`, `5d`. */
export function formatAge(since: string, now: number): string {
  const seconds = Math.max(0, (now - Date.parse(since)) / 1000);
  if (seconds < MINUTE) return "now";
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)}m`;
  if (seconds < 2 * DAY) return `${Math.floor(seconds / HOUR)}h`;
  return `${Math.floor(seconds / DAY)}d`;
}

/** Returns a moment in the language and zone of the user. */
export function formatTime(moment: string): string {
  return new Date(moment).toLocaleString();
}

/** Returns a whole number with separators of thousands, in English as the texts of the pages: `60,000`. */
export function formatCount(number: number): string {
  return number.toLocaleString("en");
}

/** Returns a count with its noun: `1 run`, `3 runs`. */
export function count(number: number, noun: string): string {
  return `${formatCount(number)} ${noun}${number === 1 ? "" : "s"}`;
}
