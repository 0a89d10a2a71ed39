// The last request for the focus that a node has fulfilled. A node that comes back into view takes the focus only from the
// canvas, which has kept it.
import { createContext, type RefObject } from "react";

/** Selects the canvas, which has the focus while the active node is out of view. */
export const CANVAS = ".canvas";

/** Gives the canvas the focus of a node that is removed, so that its keys go on. A click ends it, since it means no node. */
export function keepFocus(canvas: HTMLElement): void {
  canvas.tabIndex = -1;
  canvas.focus({ preventScroll: true });
  const end = () => canvas.removeAttribute("tabindex");
  canvas.addEventListener("blur", end, { once: true });
  canvas.addEventListener("pointerdown", end, { once: true });
}

export const FocusContext = createContext<RefObject<number>>({ current: 0 });
