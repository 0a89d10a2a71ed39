// The last request for the focus that a node has fulfilled. A node that comes back into view does not take the focus again.
import { createContext, type RefObject } from "react";

/** Selects the canvas, which has the focus while the active node is out of view. */
export const CANVAS = ".canvas";

export const FocusContext = createContext<RefObject<number>>({ current: 0 });
