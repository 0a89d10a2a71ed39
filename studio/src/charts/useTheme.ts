/** The colours of the page for a canvas, which knows no CSS variables. */

import { useSyncExternalStore } from "react";

const DARK = "(prefers-color-scheme: dark)";

/** Returns whether the page is dark, and follows the setting of the browser. */
export function useIsDark(): boolean {
  return useSyncExternalStore(subscribe, () => window.matchMedia(DARK).matches);
}

/** Returns the value of a CSS variable of the page. */
export function cssVariable(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function subscribe(onChange: () => void): () => void {
  const query = window.matchMedia(DARK);
  query.addEventListener("change", onChange);
  return () => query.removeEventListener("change", onChange);
}
