// The part of the picture that the canvas shows.
import { useReactFlow, useStoreApi, type Viewport } from "@xyflow/react";
import { useCallback, useEffect, useRef } from "react";
import type { Layout } from "../../../modeler/layout/types";
import { useMedia } from "../../../parts/useMedia";
import { NODE_HEIGHT, NODE_WIDTH } from "./LayerNode";
import type { Place } from "./steps";

/** Below this scale the words of a node are too small to read. */
const READABLE = 0.9;
const EDGE = 32;

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
  const latest = useRef({ layout, places });
  latest.current = { layout, places };

  const moveTo = useCallback(
    (viewport: Viewport, time: number) => {
      goal.current = { ...viewport, until: performance.now() + time };
      void flow.setViewport(viewport, { duration: time });
    },
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
      const place = latest.current.places.find((each) => each.id === id);
      const { width, height, transform } = store.getState();
      if (!place || width === 0) return;
      // Keys come faster than the canvas moves: the next one starts from where this move ends.
      const { x, y, zoom } = performance.now() < goal.current.until ? goal.current : { x: transform[0], y: transform[1], zoom: transform[2] };
      const left = (place.x - NODE_WIDTH / 2) * zoom + x;
      const top = (place.y - NODE_HEIGHT / 2) * zoom + y;
      const isInside = left >= 0 && top >= 0 && left + NODE_WIDTH * zoom <= width && top + NODE_HEIGHT * zoom <= height;
      if (!isInside) moveTo({ x: width / 2 - place.x * zoom, y: height / 2 - place.y * zoom, zoom }, duration);
    },
    [moveTo, store, duration],
  );

  const fit = useCallback(() => fitTo(0.1, duration), [fitTo, duration]);
  const interrupt = useCallback(() => {
    goal.current.until = 0;
  }, []);
  const zoom = useCallback(
    (factor: number) => {
      interrupt();
      void flow.zoomTo(flow.getZoom() * factor, { duration });
    },
    [flow, interrupt, duration],
  );
  return { fit, zoom, show, interrupt };
}
