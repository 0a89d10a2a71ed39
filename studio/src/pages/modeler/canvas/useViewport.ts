// The part of the picture that the canvas shows.
import { useReactFlow, useStoreApi, type Viewport } from "@xyflow/react";
import { useCallback, useEffect, useRef } from "react";
import type { Layout } from "../../../modeler/layout/types";
import { useMedia } from "../../../parts/useMedia";
import { glide, zoomedAbout } from "./glide";
import { NODE_HEIGHT, NODE_WIDTH } from "./LayerNode";
import type { Place } from "./steps";

/** Below this scale the words of a node are too small to read. */
const READABLE = 0.9;
const EDGE = 32;
/** Scales of the canvas. */
export const ZOOM = { min: 0.1, max: 1.75 };

export interface ViewportMoves {
  fit: () => void;
  zoom: (factor: number) => void;
  /** Moves a node into view if it is outside. */
  show: (id: string) => void;
  /** Notes that the user moves the canvas: this ends a move of ours before its goal. */
  interrupt: () => void;
}

export function useViewport(layout: Layout | null, places: readonly Place[]): ViewportMoves {
  const flow = useReactFlow();
  const store = useStoreApi();
  const isStill = useMedia("(prefers-reduced-motion: reduce)");
  const duration = isStill ? 0 : 200;
  const isShown = useRef(false);
  /** Where the last move ends, and when. */
  const goal = useRef<Viewport & { until: number }>({ x: 0, y: 0, zoom: 1, until: 0 });
  const stop = useRef(() => {});
  const latest = useRef({ layout, places });
  latest.current = { layout, places };

  const interrupt = useCallback(() => {
    goal.current.until = 0;
    stop.current();
  }, []);
  useEffect(() => interrupt, [interrupt]);

  const moveTo = useCallback(
    (viewport: Viewport, time: number) => {
      interrupt();
      goal.current = { ...viewport, until: performance.now() + time };
      stop.current = glide(flow.getViewport(), viewport, time, (each) => void flow.setViewport(each));
    },
    [flow, interrupt],
  );

  /** Returns where the canvas is, or where its present move ends: clicks and keys come faster than it moves. */
  const place = useCallback(
    (): Viewport => (performance.now() < goal.current.until ? goal.current : flow.getViewport()),
    [flow],
  );

  const fitTo = useCallback(
    (minimum: number, time: number) => {
      const { layout: now } = latest.current;
      const { width, height } = store.getState();
      if (!now || width === 0 || now.width === 0) return;
      const scale = Math.min((width - 2 * EDGE) / now.width, (height - 2 * EDGE) / now.height, 1);
      const zoom = Math.max(scale, minimum);
      const x = (width - now.width * zoom) / 2;
      // A network that is too tall begins with its inputs.
      const y = now.height * zoom + 2 * EDGE > height ? EDGE : (height - now.height * zoom) / 2;
      moveTo({ x, y, zoom }, time);
    },
    [moveTo, store],
  );

  useEffect(() => {
    if (!layout || isShown.current) return undefined;
    const begin = () => {
      if (isShown.current || store.getState().width === 0) return;
      isShown.current = true;
      fitTo(READABLE, 0);
    };
    begin();
    // The canvas measures itself after its first draw.
    return store.subscribe(begin);
  }, [layout, fitTo, store]);

  const show = useCallback(
    (id: string) => {
      const node = latest.current.places.find((each) => each.id === id);
      const { width, height } = store.getState();
      if (!node || width === 0) return;
      const { x, y, zoom } = place();
      const left = (node.x - NODE_WIDTH / 2) * zoom + x;
      const top = (node.y - NODE_HEIGHT / 2) * zoom + y;
      const isInside = left >= 0 && top >= 0 && left + NODE_WIDTH * zoom <= width && top + NODE_HEIGHT * zoom <= height;
      if (!isInside) moveTo({ x: width / 2 - node.x * zoom, y: height / 2 - node.y * zoom, zoom }, duration);
    },
    [moveTo, place, store, duration],
  );

  const fit = useCallback(() => fitTo(ZOOM.min, duration), [fitTo, duration]);
  const zoom = useCallback(
    (factor: number) => {
      const { width, height } = store.getState();
      moveTo(zoomedAbout(place(), factor, { x: width / 2, y: height / 2 }, ZOOM), duration);
    },
    [moveTo, place, store, duration],
  );
  return { fit, zoom, show, interrupt };
}
