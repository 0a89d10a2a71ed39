// The order of layers: each after the layers whose outputs it takes.
import type { NetworkLayer } from "./network";

/** Returns the layers on which a layer depends directly. */
export function dependencies({ sources, uses }: NetworkLayer): NetworkLayer[] {
  const layers = sources.flatMap((source) => (source.kind === "layer" ? [source.layer] : []));
  return typeof uses === "object" && uses ? [...layers, uses] : layers;
}

/** Returns the layers in an order in which each follows its dependencies; null if there is a cycle.
 *
 * Layers that need not move keep their order.
 */
export function inOrder(layers: readonly NetworkLayer[]): NetworkLayer[] | null {
  const state = new Map<NetworkLayer, "open" | "done">();
  const known = new Set(layers);
  const sorted: NetworkLayer[] = [];
  for (const layer of layers) {
    // A stack of its own: a chain of thousands of layers is too deep for recursion.
    const stack = [layer];
    while (stack.length > 0) {
      const top = stack.at(-1) as NetworkLayer;
      if (state.get(top) === "done") {
        stack.pop();
        continue;
      }
      const missing = dependencies(top).filter((each) => known.has(each) && state.get(each) !== "done");
      if (missing.length === 0) {
        state.set(top, "done");
        sorted.push(top);
        stack.pop();
      } else if (missing.some((each) => state.get(each) === "open") || missing.includes(top)) {
        return null;
      } else {
        state.set(top, "open");
        stack.push(...missing.reverse());
      }
    }
  }
  return sorted;
}
