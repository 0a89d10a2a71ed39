// Ids of layers that stay the same while a user types into the YAML.
import { classOf, textOf } from "./graph/network";
import { isEqual, type Json } from "./json";

/** Makes ids that no layer of the document had before. */
export class IdSource {
  #next = 0;

  next(): string {
    return `layer-${this.#next++}`;
  }
}

/** Returns the ids of layers by the ids that they had before.
 *
 * Layers with an equal name, and equal layers, keep their id; then layers of the same class in their order.
 */
export function matchIds(before: readonly Json[], ids: readonly string[], after: readonly Json[], source: IdSource): string[] {
  const found: (string | undefined)[] = Array.from({ length: after.length });
  const shortest = Math.min(before.length, after.length);
  let begin = 0;
  while (begin < shortest && isEqual(before[begin], after[begin])) found[begin] = ids[begin++];
  let end = 0;
  while (end < shortest - begin && isEqual(before.at(-1 - end), after.at(-1 - end))) found[after.length - 1 - end] = ids[before.length - 1 - end++];
  const left = before.slice(begin, before.length - end).map((value, index) => ({ value, id: ids[begin + index] }));
  const open = after.slice(begin, after.length - end).map((value, index) => ({ value, place: begin + index }));
  for (const keyOf of [nameOf, JSON.stringify, classOf, () => ""] as const) {
    const waiting = new Map<string, (string | undefined)[]>();
    for (const item of left) {
      const key = item.id === undefined ? null : keyOf(item.value);
      if (key === null) continue;
      const list = waiting.get(key);
      if (list) list.push(item.id);
      else waiting.set(key, [item.id]);
    }
    for (const list of waiting.values()) list.reverse();
    const used = new Set<string>();
    for (const { value, place } of open) {
      const key = found[place] === undefined ? keyOf(value) : null;
      const id = key === null ? undefined : waiting.get(key)?.pop();
      if (id === undefined) continue;
      found[place] = id;
      used.add(id);
    }
    for (const item of left) if (item.id !== undefined && used.has(item.id)) item.id = undefined;
  }
  return found.map((id) => id ?? source.next());
}

function nameOf(value: Json): string | null {
  return textOf(value, "name");
}
