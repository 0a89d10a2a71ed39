// The labels and annotations that a page has seen, which its save sends. Pure.
import type { SeenMetadata } from "../../wire";
import { field } from "./applicable";

const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";
/** Maximum characters: with more, the body of a request could be too large. */
const MAX_SEEN = 32 * 1024;

/** Returns the labels and annotations of an object; undefined if they are too large for a request. */
export function seenMetadata(object: unknown): SeenMetadata | undefined {
  const metadata = field(object, "metadata");
  const seen = { labels: texts(field(metadata, "labels")), annotations: texts(field(metadata, "annotations")) };
  return JSON.stringify(seen).length > MAX_SEEN ? undefined : seen;
}

function texts(found: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(Object.entries(found).filter((entry): entry is [string, string] => entry[0] !== LAST_APPLIED && typeof entry[1] === "string"));
}
