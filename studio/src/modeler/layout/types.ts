// What a layout needs, and its result. The document has no coordinates: a layout follows from the structure alone.

export interface LayoutNode {
  id: string;
  width: number;
  height: number;
}

export interface LayoutRequest {
  nodes: readonly LayoutNode[];
  edges: readonly { source: string; target: string }[];
}

export interface Layout {
  /** The top left corner of each node. */
  positions: ReadonlyMap<string, { x: number; y: number }>;
  width: number;
  height: number;
  /** Whether it is the simple layout of the main thread, because the worker has failed. */
  isSimple: boolean;
}

/** A layout as a message of the worker: x and y of the nodes in the order of the request. */
export interface LayoutAnswer {
  id: number;
  points: readonly (readonly [x: number, y: number])[];
  width: number;
  height: number;
}

export interface LayoutQuestion {
  id: number;
  request: LayoutRequest;
}

/** Space between nodes of a rank, and between ranks with the shapes on their edges. */
export const NODE_GAP = 32;
export const RANK_GAP = 56;
