// Whether another user or program has changed the stored run that a page edits. Pure.
import type { RunSummary } from "../../wire";

export interface SeenVersion {
  generation?: number | undefined;
  uid?: string | undefined;
}

/** Returns whether a run has another spec than the version that the page has seen, or is another run of its name.
 *
 * An earlier generation is that of a stream which has not told of the page's own save yet.
 */
export function isChanged(seen: SeenVersion, now: Pick<RunSummary, "generation" | "uid">): boolean {
  if (!seen.uid || seen.generation === undefined) return false;
  return now.uid !== seen.uid || (now.generation ?? 0) > seen.generation;
}
