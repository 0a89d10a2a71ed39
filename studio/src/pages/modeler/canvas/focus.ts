// The last request for the focus that a node has fulfilled. A node that comes back into view does not take the focus again.
import { createContext, type RefObject } from "react";

export const FocusContext = createContext<RefObject<number>>({ current: 0 });
