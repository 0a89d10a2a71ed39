// The current time for ages and remaining times. All users of an interval share one timer.
import { useMemo, useSyncExternalStore } from "react";

interface Clock {
  subscribe: (listener: () => void) => () => void;
  now: () => number;
}

const clocks = new Map<number, Clock>();

function clock(interval: number): Clock {
  const listeners = new Set<() => void>();
  let now = Date.now();
  let timer: number | undefined;
  return {
    now: () => now,
    subscribe(listener) {
      listeners.add(listener);
      if (timer === undefined) {
        now = Date.now();
        timer = window.setInterval(() => {
          now = Date.now();
          for (const each of listeners) each();
        }, interval);
      }
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        window.clearInterval(timer);
        timer = undefined;
      };
    },
  };
}

/** Returns the time in milliseconds since 1970, and draws the component again after each interval. */
export function useNow(interval: number): number {
  const source = useMemo(() => {
    const known = clocks.get(interval) ?? clock(interval);
    clocks.set(interval, known);
    return known;
  }, [interval]);
  return useSyncExternalStore(source.subscribe, source.now);
}
