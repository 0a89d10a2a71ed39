/** The runs whose curves are drawn, and their styles. */

import { MAX_LINES } from "../../charts/lineStyle";

/** Maximum number of runs whose curves are drawn at once. */
export const MAX_DRAWN = 12;

/** Index of the style of each drawn run, by the run's text. A run keeps its style while it is drawn. */
export type Drawn = ReadonlyMap<string, number>;

/** Returns the drawn runs after one was added or removed; the same ones if there is no room for it. */
export function toggled(drawn: Drawn, run: string): Drawn {
  const next = new Map(drawn);
  if (next.delete(run)) return next;
  if (drawn.size >= MAX_DRAWN) return drawn;
  const used = new Set(drawn.values());
  const free = Array.from({ length: MAX_LINES }, (_, index) => index).find((index) => !used.has(index));
  return next.set(run, free ?? 0);
}

/** Returns the runs that are drawn without a choice: all if they are few, none otherwise. */
export function firstDrawn(runs: readonly string[]): Drawn {
  return new Map(runs.length <= MAX_DRAWN ? runs.map((run, index) => [run, index]) : []);
}
