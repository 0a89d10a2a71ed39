// The labels, annotations and fields of the spec that the cluster adds to a document, as a mutating webhook does. Pure.
import { getIn, isEqual, isObject, type Json, type Path } from "../../modeler/json";
import type { AddedField } from "../../wire";
import { field } from "./applicable";

export interface Added {
  path: Path;
  value: Json;
}

/** Returns what the document takes from the stored object after it was sent.
 *
 * The user has not seen it, so the next save would remove it.
 *
 * @param fields - The added fields of the spec, without defaults: the back end knows them.
 * @param now - The document, which may have changed since it was sent: what the user has changed is left out.
 */
export function added(sent: unknown, stored: unknown, fields: readonly AddedField[], now: unknown): Added[] {
  return [...addedNames(sent, stored, now), ...addedFields(sent as Json, fields, now as Json)];
}

/** Returns the labels and annotations of the stored object that differ from those that were sent. */
function addedNames(sent: unknown, stored: unknown, now: unknown): Added[] {
  return (["labels", "annotations"] as const).flatMap((kind) => {
    const [before, after, mine] = [sent, stored, now].map((each) => field(field(each, "metadata"), kind));
    return Object.entries(after ?? {}).flatMap(([name, value]): Added[] => {
      const isAdded = typeof value === "string" && before?.[name] !== value && mine?.[name] === before?.[name];
      return isAdded ? [{ path: ["metadata", kind, name], value }] : [];
    });
  });
}

function addedFields(sent: Json, fields: readonly AddedField[], now: Json): Added[] {
  return fields.flatMap(({ path, value }): Added[] => {
    // The items of a list that the user has changed may be others.
    const index = path.findIndex((step) => typeof step === "number");
    const list = path.slice(0, index);
    const isSame = index < 0 || isEqual(getIn(sent, list), getIn(now, list));
    const isFree = isObject(getIn(now, path.slice(0, -1))) && getIn(now, path) === undefined;
    return isSame && isFree ? [{ path, value: value as Json }] : [];
  });
}
