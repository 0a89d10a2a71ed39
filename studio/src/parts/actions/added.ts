// The labels and annotations that the cluster adds to a document, as a mutating webhook does. Pure.
import { field } from "./applicable";

export interface AddedName {
  path: [field: "metadata", kind: "labels" | "annotations", name: string];
  value: string;
}

/** Returns the labels and annotations of the stored object that differ from those that were sent.
 *
 * The user has not seen them, so the next save would remove them, unless the document takes them.
 *
 * @param now - The document, which may have changed since it was sent: names that the user has changed are left out.
 */
export function addedNames(sent: unknown, stored: unknown, now: unknown): AddedName[] {
  return (["labels", "annotations"] as const).flatMap((kind) => {
    const [before, after, mine] = [sent, stored, now].map((each) => field(field(each, "metadata"), kind));
    return Object.entries(after ?? {}).flatMap(([name, value]): AddedName[] => {
      const isAdded = typeof value === "string" && before?.[name] !== value && mine?.[name] === before?.[name];
      return isAdded ? [{ path: ["metadata", kind, name], value }] : [];
    });
  });
}
