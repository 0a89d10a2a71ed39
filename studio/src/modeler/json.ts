// Values of a document as plain JSON, and paths in them.

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}
export type Path = readonly (string | number)[];

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** Returns a path as the back end writes it, such as spec.network.layers[2].units. */
export function pathText(path: Path): string {
  return path.map((step, index) => (typeof step === "number" ? `[${step}]` : index === 0 ? step : `.${step}`)).join("");
}

/** Returns the value at a path; undefined if there is none. */
export function getIn(value: Json | undefined, path: Path): Json | undefined {
  let found = value;
  for (const step of path) {
    if (typeof step === "number") found = isList(found) ? found[step] : undefined;
    else found = isObject(found) && Object.hasOwn(found, step) ? found[step] : undefined;
  }
  return found;
}

/** Returns a copy with another value at a path; undefined removes the field. Objects that are missing are added. */
export function setIn(value: Json | undefined, path: Path, wanted: Json | undefined): Json {
  const [step, ...rest] = path;
  if (step === undefined) return wanted ?? null;
  if (typeof step === "number") {
    const list = isList(value) ? [...value] : [];
    if (rest.length === 0 && wanted === undefined) list.splice(step, 1);
    else list[step] = setIn(list[step], rest, wanted);
    return list;
  }
  const holder = isObject(value) ? value : {};
  if (wanted === undefined && (rest.length === 0 || !Object.hasOwn(holder, step))) return without(holder, step);
  return { ...holder, [step]: setIn(getIn(holder, [step]), rest, wanted) };
}

/** Returns an object without a key. */
export function without(value: JsonObject, ...keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([key]) => !keys.includes(key)));
}

/** Whether two values are equal, whatever the order of their keys. */
export function isEqual(a: Json | undefined, b: Json | undefined): boolean {
  if (Object.is(a, b)) return true;
  if (isList(a)) return isList(b) && a.length === b.length && a.every((item, index) => isEqual(item, b[index]));
  if (!isObject(a) || !isObject(b)) return a === 0 && b === 0;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && isEqual(a[key], b[key]));
}
