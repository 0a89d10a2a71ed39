// The fields that another user has changed, beside the own values. Pure.
import { differences } from "../../parts/actions/differences";
import { contentOf } from "./document";

export interface ConflictRow {
  path: string;
  mine: string | undefined;
  stored: string | undefined;
}

/** Returns the fields that differ between the version that the user has seen and the stored one, with the values of the draft. */
export function conflictRows(seen: Record<string, unknown>, current: Record<string, unknown>, text: string): ConflictRow[] {
  const mine = new Map(differences(current, contentOf(text)).map((each) => [each.path, each.after]));
  return differences(seen, current).map(({ path, after }) => ({ path, mine: mine.has(path) ? mine.get(path) : after, stored: after }));
}
