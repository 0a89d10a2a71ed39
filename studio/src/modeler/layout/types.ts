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
  /** Points through which an edge goes around other nodes, by `SOURCE→TARGET`. Other edges are direct. */
  bends: ReadonlyMap<string, readonly { x: number; y: number }[]>;
  width: number;
  height: number;
  /** Whether it is the simple layout of the main thread, because the worker has failed. */
  isSimple: boolean;
}

export type Point = readonly [x: number, y: number];

/** A layout as a message of the worker. */
export interface LayoutAnswer {
  id: number;
  /** The nodes in the order of the request. */
  points: readonly Point[];
  bends: readonly { source: string; target: string; points: readonly Point[] }[];
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
