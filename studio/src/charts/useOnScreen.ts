/** Whether an element is on the screen or near it. */

import { useCallback, useRef, useState } from "react";

/** Distance to the screen at which a chart is mounted, so that scrolling shows no empty places. */
const MARGIN = "200px";

/** Returns the ref of an element, and whether the element is near the visible part of the page. */
export function useOnScreen(): [ref: (element: Element | null) => void, isOnScreen: boolean] {
  const [isOnScreen, setIsOnScreen] = useState(false);
  const observer = useRef<IntersectionObserver | null>(null);
  const ref = useCallback((element: Element | null) => {
    observer.current?.disconnect();
    observer.current = null;
    if (element === null) return;
    observer.current = new IntersectionObserver((changes) => setIsOnScreen(changes.at(-1)?.isIntersecting ?? false), {
      rootMargin: MARGIN,
    });
    observer.current.observe(element);
  }, []);
  return [ref, isOnScreen];
}
