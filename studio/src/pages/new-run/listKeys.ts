// Keys within a list of buttons: one of them is in the order of the tab key, and the arrows move between all. Pure.

/** Returns the position that a key leads to; undefined if the key is none of the list. */
export function nextPosition(key: string, position: number, count: number): number | undefined {
  switch (key) {
    case "ArrowDown":
      return Math.min(position + 1, count - 1);
    case "ArrowUp":
      return Math.max(position - 1, 0);
    case "PageDown":
      return Math.min(position + 10, count - 1);
    case "PageUp":
      return Math.max(position - 10, 0);
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return undefined;
  }
}
