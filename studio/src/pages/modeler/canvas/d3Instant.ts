// Stands in the build for d3-transition and d3-interpolate, which only animate: 9 kB of the modeler (gzip).
//
// React Flow moves the canvas by d3-zoom, whose moves without a duration need `interrupt` alone. The canvas animates its
// own moves (glide.ts) and never gives React Flow a duration.
import { selection } from "d3-selection";

/** Does nothing: there is no transition to interrupt. */
export function interrupt(): void {}

Object.assign(selection.prototype, {
  interrupt(this: unknown) {
    return this;
  },
});

/** Fails, because only an animated move interpolates. */
export function interpolateZoom(): never {
  throw new Error("The canvas moves without d3-transition: animate the move with glide()");
}

export { interpolateZoom as interpolate };
