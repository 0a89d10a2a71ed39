// Where the arrow keys lead from a node: along the connections, and sideways to the nearest node. Pure.

export interface Place {
  id: string;
  /** Centre. */
  x: number;
  y: number;
}

export interface Link {
  source: string;
  target: string;
}

export type Step = "up" | "down" | "left" | "right" | "first" | "last";

/** How much further a node may lie above or below than sideways. */
const SLOPE = 0.75;

/** Returns the id of the node to which a step leads; null if it leads nowhere. */
export function stepFrom(id: string | null, step: Step, places: readonly Place[], links: readonly Link[]): string | null {
  const ordered = [...places].sort((a, b) => a.y - b.y || a.x - b.x);
  if (step === "first" || id === null) return ordered[0]?.id ?? null;
  if (step === "last") return ordered.at(-1)?.id ?? null;
  const byId = new Map(places.map((place) => [place.id, place]));
  const here = byId.get(id);
  if (!here) return ordered[0]?.id ?? null;
  if (step === "up" || step === "down") {
    const next = links.flatMap(({ source, target }) => (step === "down" && source === id ? [target] : step === "up" && target === id ? [source] : []));
    const found = next.flatMap((each) => byId.get(each) ?? []);
    return nearest(found, here)?.id ?? nearest(places.filter((each) => (step === "down" ? each.y > here.y : each.y < here.y)), here)?.id ?? null;
  }
  const beside = places.filter((each) => {
    const distance = step === "right" ? each.x - here.x : here.x - each.x;
    return distance > 0 && Math.abs(each.y - here.y) <= distance * SLOPE;
  });
  return nearest(beside, here)?.id ?? null;
}

/** Returns the place with the smallest distance to another one. */
export function nearest(places: readonly Place[], here: Pick<Place, "x" | "y">): Place | undefined {
  const distance = ({ x, y }: Place) => (x - here.x) ** 2 + (y - here.y) ** 2;
  return [...places].sort((a, b) => distance(a) - distance(b))[0];
}
