// An animated move of the canvas.
import type { Viewport } from "@xyflow/react";

/**
 * Moves a viewport to a goal, frame by frame.
 *
 * @param time - Milliseconds of the move; 0 moves at once.
 * @param set - Called with the viewport of each frame, and with the goal in the end.
 * @returns A function that stops the move where it is.
 */
export function glide(from: Viewport, to: Viewport, time: number, set: (viewport: Viewport) => void): () => void {
  if (time <= 0) {
    set(to);
    return () => undefined;
  }
  const begin = performance.now();
  const step = (): void => {
    const part = Math.min(1, (performance.now() - begin) / time);
    set(part < 1 ? between(from, to, eased(part)) : to);
    if (part < 1) frame = requestAnimationFrame(step);
  };
  let frame = requestAnimationFrame(step);
  return () => cancelAnimationFrame(frame);
}

/** Returns the viewport whose centre stays while its scale changes, within limits. */
export function zoomedAbout({ x, y, zoom }: Viewport, factor: number, centre: { x: number; y: number }, limits: { min: number; max: number }): Viewport {
  const scale = Math.min(limits.max, Math.max(limits.min, zoom * factor));
  return { x: centre.x - (centre.x - x) * (scale / zoom), y: centre.y - (centre.y - y) * (scale / zoom), zoom: scale };
}

/** Returns a viewport between two. All its numbers change alike, so a point that both show at the same place stays there. */
function between(from: Viewport, to: Viewport, part: number): Viewport {
  const mix = (begin: number, end: number) => begin + (end - begin) * part;
  return { x: mix(from.x, to.x), y: mix(from.y, to.y), zoom: mix(from.zoom, to.zoom) };
}

/** Begins and ends slowly. */
function eased(part: number): number {
  return part < 0.5 ? 4 * part ** 3 : 1 - (2 - 2 * part) ** 3 / 2;
}
