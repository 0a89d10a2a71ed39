import { expect, test, vi } from "vitest";
import { layered } from "./dagre";
import { LayoutClient, type LayoutRequest } from "./layout";
import { rows } from "./simple";
import { onlyWorker } from "./startWorker";
import type { LayoutAnswer, LayoutQuestion } from "./types";

const node = (id: string) => ({ id, width: 100, height: 40 });
const chain = (count: number): LayoutRequest => ({
  nodes: Array.from({ length: count }, (_, index) => node(`n${index}`)),
  edges: Array.from({ length: count - 1 }, (_, index) => ({ source: `n${index}`, target: `n${index + 1}` })),
});
const DIAMOND: LayoutRequest = {
  nodes: ["a", "b", "c", "d"].map(node),
  edges: [{ source: "a", target: "b" }, { source: "a", target: "c" }, { source: "b", target: "d" }, { source: "c", target: "d" }, { source: "d", target: "missing" }],
};

class FakeWorker {
  onmessage: Worker["onmessage"] = null;
  onerror: Worker["onerror"] = null;
  isClosed = false;
  readonly sent: LayoutQuestion[] = [];

  postMessage(question: LayoutQuestion): void {
    this.sent.push(question);
  }

  terminate(): void {
    this.isClosed = true;
  }

  answer(index = this.sent.length - 1): void {
    const data: LayoutAnswer = layered(this.sent[index] as LayoutQuestion);
    this.onmessage?.call(this as unknown as Worker, { data } as MessageEvent);
  }

  fail(lineno = 0): void {
    this.onerror?.call(this as unknown as Worker, { lineno, preventDefault: () => undefined } as ErrorEvent);
  }
}

function client(): { client: LayoutClient; workers: FakeWorker[] } {
  const workers: FakeWorker[] = [];
  const made = new LayoutClient(() => {
    const worker = new FakeWorker();
    workers.push(worker);
    return worker as unknown as Worker;
  });
  return { client: made, workers };
}

test.each([["dagre", layered], ["rows", rows]])("%s puts each node below its sources, without overlaps", (_, layout) => {
  for (const request of [DIAMOND, chain(30)]) {
    const { points } = layout({ id: 1, request });
    const at = new Map(request.nodes.map(({ id }, index) => [id, points[index] ?? [0, 0]]));
    for (const { source, target } of request.edges) if (at.has(target)) expect((at.get(target) ?? [])[1]).toBeGreaterThanOrEqual(((at.get(source) ?? [])[1] ?? 0) + 40);
    expect(new Set(points.map(String)).size).toBe(points.length);
  }
});

test("an edge around nodes has bends, and a chain of 1,000 nodes is straight", () => {
  const skip: LayoutRequest = { nodes: ["a", "b", "c", "x", "d"].map(node), edges: [["a", "b"], ["b", "c"], ["b", "x"], ["c", "d"], ["x", "d"], ["a", "d"]].map(([source = "", target = ""]) => ({ source, target })) };
  const { bends } = layered({ id: 1, request: skip });
  expect(bends.map(({ source, target }) => `${source}${target}`)).toEqual(["ad"]);
  const { points, height } = layered({ id: 1, request: chain(1000) });
  expect(new Set(points.map(([x]) => x)).size).toBe(1);
  expect(height).toBeGreaterThan(40_000);
});

test("a cycle of a broken document has a layout", () => {
  const cycle = { nodes: ["a", "b", "c"].map(node), edges: [["a", "b"], ["b", "c"], ["c", "a"]].map(([source = "", target = ""]) => ({ source, target })) };
  expect(layered({ id: 1, request: cycle }).points).toHaveLength(3);
});

test("a cycle and 1,000 nodes have a simple layout", () => {
  expect(rows({ id: 1, request: { nodes: [node("a"), node("b")], edges: [{ source: "a", target: "b" }, { source: "b", target: "a" }] } }).points).toHaveLength(2);
  expect(rows({ id: 1, request: chain(1000) }).height).toBeGreaterThan(40_000);
});

test("the newest request wins, and the layout in progress ends", async () => {
  const { client: layouts, workers } = client();
  const old = layouts.layout(chain(3));
  const now = layouts.layout(DIAMOND);
  expect(await old).toBeNull();
  expect(workers.map(({ isClosed }) => isClosed)).toEqual([true, false]);
  workers[0]?.answer();
  workers[1]?.answer();
  expect((await now)?.positions.size).toBe(4);
});

test("an equal structure is not laid out again", async () => {
  const { client: layouts, workers } = client();
  const first = layouts.layout(DIAMOND);
  workers[0]?.answer();
  const layout = await first;
  expect(await layouts.layout({ nodes: DIAMOND.nodes.map((each) => ({ ...each })), edges: [...DIAMOND.edges] })).toBe(layout);
  expect(workers[0]?.sent).toHaveLength(1);
  const other = layouts.layout(chain(2));
  workers[0]?.answer();
  expect((await other)?.isSimple).toBe(false);
});

test("a worker that does not load is replaced by the simple layout for good", async () => {
  const { client: layouts, workers } = client();
  const layout = layouts.layout(DIAMOND);
  workers[0]?.fail();
  expect((await layout)?.isSimple).toBe(true);
  expect((await layouts.layout(chain(3)))?.isSimple).toBe(true);
  expect(workers).toHaveLength(1);
  const refused = new LayoutClient(() => {
    throw new TypeError("refused by the policy");
  });
  expect((await refused.layout(DIAMOND))?.isSimple).toBe(true);
});

test("a layout that fails or takes too long is replaced, and the next one is tried again", async () => {
  vi.useFakeTimers();
  const { client: layouts, workers } = client();
  const failed = layouts.layout(DIAMOND);
  workers[0]?.fail(12);
  expect((await failed)?.isSimple).toBe(true);
  const late = layouts.layout(chain(3));
  vi.advanceTimersByTime(20_000);
  expect((await late)?.isSimple).toBe(true);
  const next = layouts.layout(chain(4));
  workers[2]?.answer();
  expect((await next)?.isSimple).toBe(false);
  layouts.dispose();
  expect(workers.every(({ isClosed }) => isClosed)).toBe(true);
});

test("the policy accepts the worker's own address alone", () => {
  for (const address of ["https://example.com/worker.js", "/assets/other.js", "data:text/javascript,0", "blob:x", "javascript:0"]) expect(() => onlyWorker(address)).toThrow("not the worker");
});

test("branches of different length begin at the same height", () => {
  const nodes = ["dense", "loss", "optimizer", "metrics"].map((id) => ({ id, width: 224, height: 56 }));
  const edges = [["dense", "loss"], ["loss", "optimizer"], ["dense", "metrics"]].map(([source = "", target = ""]) => ({ source, target }));
  const { points } = layered({ id: 0, request: { nodes, edges } });
  expect(points[1]?.[1]).toBe(points[3]?.[1]);
});
