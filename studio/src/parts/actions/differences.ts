// The fields in which two versions of an object differ, for a conflict of two users. Pure and bounded.

/** Maximum fields that are shown. */
export const MAX_DIFFERENCES = 50;
const MAX_DEPTH = 24;
const MAX_TEXT = 300;

export interface Difference {
  path: string;
  /** The value as JSON; undefined if the field is absent. */
  before: string | undefined;
  after: string | undefined;
}

/** Returns the differing fields of the spec, labels and annotations: at most MAX_DIFFERENCES. The status is no user's. */
export function differences(before: unknown, after: unknown): Difference[] {
  const result: Difference[] = [];
  compare(content(before), content(after), "", 0, result);
  return result;
}

function content(object: unknown): unknown {
  const { spec, metadata } = record(object) ?? {};
  const { labels, annotations } = record(metadata) ?? {};
  return { spec, metadata: { labels, annotations } };
}

function compare(before: unknown, after: unknown, path: string, depth: number, result: Difference[]): void {
  if (result.length >= MAX_DIFFERENCES || before === after) return;
  const [left, right] = [record(before), record(after)];
  if (left && right && depth < MAX_DEPTH) {
    for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
      compare(left[key], right[key], Array.isArray(before) ? `${path}[${key}]` : path ? `${path}.${key}` : key, depth + 1, result);
    }
    return;
  }
  const [beforeText, afterText] = [text(before), text(after)];
  if (beforeText !== afterText) result.push({ path, before: beforeText, after: afterText });
}

function record(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
}

function text(value: unknown): string | undefined {
  const json = JSON.stringify(value) as string | undefined;
  return json && json.length > MAX_TEXT ? `${json.slice(0, MAX_TEXT)}…` : json;
}
