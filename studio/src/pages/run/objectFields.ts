/** Fields of objects of the API server, which may have any content. */

export interface Condition {
  type: string;
  status: string;
  reason: string;
  message: string;
}

export interface TrainingWarning {
  reason: string;
  message: string;
}

/** Returns a value by its path, such as status.network.parameters. */
export function field(object: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((value, name) => (isMapping(value) ? value[name] : undefined), object);
}

/** Returns a text by its path; null for another value. */
export function textField(object: unknown, path: string): string | null {
  const value = field(object, path);
  return typeof value === "string" && value !== "" ? value : null;
}

/** Returns a number by its path; null for another value. */
export function numberField(object: unknown, path: string): number | null {
  const value = field(object, path);
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** Returns the mappings of a list by its path. */
export function listField(object: unknown, path: string): Record<string, unknown>[] {
  const value = field(object, path);
  return Array.isArray(value) ? value.filter(isMapping) : [];
}

/** Returns a condition of an object, or null. */
export function condition(object: unknown, type: string): Condition | null {
  const found = listField(object, "status.conditions").find((each) => each.type === type);
  return found ? { type, status: text(found.status), reason: text(found.reason), message: text(found.message) } : null;
}

/** Returns the warnings of a training. */
export function warnings(object: unknown): TrainingWarning[] {
  return listField(object, "status.warnings").map((each) => ({
    reason: text(each.reason),
    message: text(each.message),
  }));
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
