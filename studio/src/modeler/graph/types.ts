// The network of a document as nodes and edges.
import type { JsonObject, Path } from "../json";

/** `source` stands for spec.model or spec.code, in place of the layers. */
export type NodeKind = "data" | "input" | "layer" | "loss" | "metrics" | "optimizer" | "source";

export interface GraphNode {
  /** data, input-0, layer-12, loss, metrics, optimizer; loss:NAME and metrics:NAME of several outputs. */
  id: string;
  kind: NodeKind;
  /** The name that a user reads: a layer's own name, or its default name. */
  title: string;
  /** Class, such as Conv2D; empty if there is none. `use` for another call of a layer. */
  className: string;
  /** The layer's own name; null while it has its default name. */
  name: string | null;
  /** Position in spec.network.layers, in the inputs, or in the outputs; -1 for other nodes. */
  index: number;
  /** Its place in the document. */
  path: Path;
  /** Arguments of a class, without its name, and for a layer without name and inputs. */
  arguments: JsonObject;
  /** Id of the layer that is called again; null otherwise. */
  uses: string | null;
}

export interface GraphEdge {
  id: string;
  source: string;
  target: string;
  /** Position among the inputs of the target. */
  input: number;
  /** N of NAME:N. */
  output: number | null;
  /** Whether the target takes the layer above without naming it. */
  isImplicit: boolean;
  /** Whether the edge follows from the document and cannot be disconnected, as from the data to an input. */
  isFixed: boolean;
}

/** An entry of `inputs` that names no layer above and no input. */
export interface DanglingReference {
  node: string;
  input: number;
  text: string;
}

export interface Graph {
  source: "network" | "model" | "code" | "none";
  nodes: readonly GraphNode[];
  edges: readonly GraphEdge[];
  byId: ReadonlyMap<string, GraphNode>;
  /** Ids of the layers in the order of spec.network.layers. */
  layerIds: readonly string[];
  dangling: readonly DanglingReference[];
}

export const EMPTY_GRAPH: Graph = { source: "none", nodes: [], edges: [], byId: new Map(), layerIds: [], dangling: [] };
