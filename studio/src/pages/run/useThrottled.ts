/** A value that changes at most once in a while, such as the version of a run for which its history is fetched. */

import { useEffect, useRef, useState } from "react";

/** Returns the last value, at most one a period. The first value and the last one are never left out. */
export function useThrottled<T>(value: T, period: number): T {
  const [shown, setShown] = useState(value);
  const last = useRef(Date.now());

  useEffect(() => {
    if (Object.is(value, shown)) return undefined;
    const timer = setTimeout(
      () => {
        last.current = Date.now();
        setShown(value);
      },
      Math.max(0, last.current + period - Date.now()),
    );
    return () => clearTimeout(timer);
  }, [value, shown, period]);

  return shown;
}
