/** The parts of a large page, drawn one after the other, so that the page takes clicks and keys between them. */

import { useEffect, useState } from "react";

/**
 * Returns the number of parts that are drawn: one, and one more after each frame.
 *
 * @param parts - Number of all parts.
 */
export function useStaged(parts: number): number {
  const [drawn, setDrawn] = useState(1);
  useEffect(() => {
    if (drawn >= parts) return undefined;
    let timer: number | undefined;
    // In a task of its own: the callback of a frame delays that frame.
    const frame = requestAnimationFrame(() => {
      timer = window.setTimeout(() => setDrawn(drawn + 1));
    });
    return () => {
      cancelAnimationFrame(frame);
      window.clearTimeout(timer);
    };
  }, [drawn, parts]);
  return drawn;
}
