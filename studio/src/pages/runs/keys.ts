// The effect of a key on the list. Pure.
import type { Item } from "./view";

const PAGE = 10;

export type KeyEffect = { type: "move"; to: number } | { type: "toggle" } | { type: "select" } | { type: "open" };

/** Returns the effect of a key, or undefined if the key has none.
 *
 * Args:
 *   key: The name of the key.
 *   items: The rows.
 *   active: Index of the active row.
 *   isOnRow: Whether the row itself has the focus, and not a control in it, to which Enter and space belong.
 */
export function keyEffect(key: string, items: readonly Item[], active: number, isOnRow: boolean): KeyEffect | undefined {
  const item = items[active];
  if (!item) return undefined;
  const hasChildren = item.type === "group" || item.trials > 0;
  switch (key) {
    case "ArrowDown":
      return { type: "move", to: active + 1 };
    case "ArrowUp":
      return { type: "move", to: active - 1 };
    case "PageDown":
      return { type: "move", to: active + PAGE };
    case "PageUp":
      return { type: "move", to: active - PAGE };
    case "Home":
      return { type: "move", to: 0 };
    case "End":
      return { type: "move", to: items.length - 1 };
    case "ArrowRight":
      return hasChildren && !item.isOpen ? { type: "toggle" } : undefined;
    case "ArrowLeft":
      if (hasChildren && item.isOpen) return { type: "toggle" };
      return parent(items, active);
    case "Enter":
      if (!isOnRow) return undefined;
      return item.type === "group" ? { type: "toggle" } : { type: "open" };
    case " ":
      if (!isOnRow) return undefined;
      return item.type === "group" ? { type: "toggle" } : { type: "select" };
    default:
      return undefined;
  }
}

/** The row above that contains the active row. */
function parent(items: readonly Item[], active: number): KeyEffect | undefined {
  const item = items[active];
  if (!item || item.type === "group") return undefined;
  for (let index = active - 1; index >= 0; index -= 1) {
    const above = items[index];
    if (above?.type === "group" || (above && item.level === 2 && above.level === 1)) return { type: "move", to: index };
  }
  return undefined;
}
