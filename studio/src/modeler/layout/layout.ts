// Layouts from the worker: the newest request wins, and a structure that was laid out before is not laid out again.
import { rows } from "./simple";
import { startWorker } from "./startWorker";
import type { Layout, LayoutAnswer, LayoutRequest } from "./types";

export type { Layout, LayoutNode, LayoutRequest } from "./types";

/** Time that a layout may take, in milliseconds; then the simple layout replaces it. */
const MAX_TIME = 15_000;
const MAX_CACHED = 8;

type Channel = Pick<Worker, "postMessage" | "terminate" | "onmessage" | "onerror">;

interface Pending {
  id: number;
  key: string;
  request: LayoutRequest;
  resolve: (layout: Layout | null) => void;
  timer: ReturnType<typeof setTimeout>;
}

export class LayoutClient {
  readonly #start: () => Channel;
  readonly #cache = new Map<string, Layout>();
  #worker: Channel | undefined;
  #pending: Pending | undefined;
  #next = 0;
  /** Whether a worker could not be started or loaded. */
  #isBroken = false;

  constructor(start: () => Channel = startWorker) {
    this.#start = start;
  }

  /** Returns the layout of a graph; null if a newer request came before it was there. */
  layout(request: LayoutRequest): Promise<Layout | null> {
    this.#cancel();
    const key = JSON.stringify([request.nodes.map(({ id, width, height }) => [id, width, height]), request.edges.map(({ source, target }) => [source, target])]);
    const known = this.#cache.get(key);
    if (known) {
      // The last one of the map is the one used last.
      this.#cache.delete(key);
      this.#cache.set(key, known);
      return Promise.resolve(known);
    }
    if (request.nodes.length === 0 || this.#isBroken) return Promise.resolve(simple(request));
    const id = this.#next++;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#fail(false), MAX_TIME);
      this.#pending = { id, key, request, resolve, timer };
      try {
        this.#worker ??= this.#open();
        this.#worker.postMessage({ id, request });
      } catch {
        this.#fail(true);
      }
    });
  }

  dispose(): void {
    this.#cancel();
    this.#close();
  }

  #open(): Channel {
    const worker = this.#start();
    worker.onmessage = ({ data }: MessageEvent<LayoutAnswer>) => this.#answer(data);
    worker.onerror = (event) => {
      event.preventDefault();
      // Without a file and a line the script was not loaded; otherwise this layout alone has failed.
      this.#fail(!event.lineno);
    };
    return worker;
  }

  #answer({ id, points, width, height }: LayoutAnswer): void {
    const pending = this.#pending;
    if (pending?.id !== id) return;
    const layout = toLayout(pending.request, points, width, height, false);
    this.#cache.set(pending.key, layout);
    const oldest = this.#cache.keys().next().value;
    if (this.#cache.size > MAX_CACHED && oldest !== undefined) this.#cache.delete(oldest);
    this.#end(layout);
  }

  #fail(isBroken: boolean): void {
    this.#isBroken ||= isBroken;
    this.#close();
    if (this.#pending) this.#end(simple(this.#pending.request));
  }

  /** Ends the layout in progress. A worker hears nothing while it computes, so it is replaced. */
  #cancel(): void {
    if (!this.#pending) return;
    this.#close();
    this.#end(null);
  }

  #end(layout: Layout | null): void {
    const pending = this.#pending;
    this.#pending = undefined;
    clearTimeout(pending?.timer);
    pending?.resolve(layout);
  }

  #close(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
  }
}

function simple(request: LayoutRequest): Layout {
  const { points, width, height } = rows({ id: 0, request });
  return toLayout(request, points, width, height, true);
}

function toLayout({ nodes }: LayoutRequest, points: LayoutAnswer["points"], width: number, height: number, isSimple: boolean): Layout {
  const positions = new Map(nodes.map(({ id }, index) => [id, { x: points[index]?.[0] ?? 0, y: points[index]?.[1] ?? 0 }]));
  return { positions, width, height, isSimple };
}
