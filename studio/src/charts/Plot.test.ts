import { beforeEach, expect, test, vi } from "vitest";
import { MAX_COLUMNS } from "./band";
import { Plot } from "./Plot";

// happy-dom draws nothing: the calls of the context are counted in its place.
const calls = new Map<string, number>();
const LINES = 8;

beforeEach(() => {
  calls.clear();
  const count = (name: string) => calls.set(name, (calls.get(name) ?? 0) + 1);
  const context = new Proxy<Record<string, unknown>>({}, {
    get: (set, name) => set[String(name)] ?? (name === "measureText" ? () => ({ width: 10 }) : () => void count(String(name))),
    set: (set, name, value) => Reflect.set(set, name, value),
  });
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue(context as unknown as null);
  vi.stubGlobal("Path2D", class {
    rect = () => undefined;
    moveTo = () => count("moveTo");
    lineTo = () => count("lineTo");
    arc = () => undefined;
  });
});

function opened() {
  const element = document.createElement("div");
  document.body.append(element);
  const styles = Array.from({ length: LINES }, () => ({ colour: "red", dash: [] }));
  const colours = { text: "black", grid: "grey", surface: "white", font: "12px sans-serif" };
  const onPoint = vi.fn();
  const plot = new Plot(element, { width: 900, height: 260 }, { styles, isLogarithmic: false, ...colours, onPoint, onRange: vi.fn() });
  const x = Array.from({ length: 10_000 }, (_, index) => index + 1);
  const y = Array.from({ length: LINES }, (_, line) => x.map((epoch) => Math.sin(epoch * (12.9898 + line))));
  plot.setColumns({ x, y });
  return { plot, element, onPoint };
}

test("a step of a moving chart draws few rectangles and no path for many points", () => {
  const { plot } = opened();
  plot.setRange({ min: 4000, max: 7000 });
  calls.clear();
  plot.setRange({ min: 4500, max: 7500 });
  expect(calls.get("clearRect")).toBe(1);
  expect(calls.get("fillRect")).toBeGreaterThan(MAX_COLUMNS / 2);
  // The columns at both ends of a line may be cut.
  expect(calls.get("fillRect")).toBeLessThanOrEqual(MAX_COLUMNS + LINES);
  // Grid and ticks alone: the lines have thousands of points.
  expect(calls.get("lineTo") ?? 0).toBeLessThan(100);
  plot.destroy();
});

test("a line with more points than are marked is stroked in pieces", () => {
  const { plot } = opened();
  plot.setRange({ min: 4000, max: 4300 });
  calls.clear();
  plot.setRange({ min: 4010, max: 4310 });
  // Grid and ticks are a stroke each.
  expect(calls.get("stroke")).toBeGreaterThan((LINES * 300) / 20);
  expect(calls.get("fillRect")).toBeUndefined();
  calls.clear();
  plot.setRange({ min: 4010, max: 4060 });
  // Lines and marks of few points are drawn by uPlot.
  expect(calls.get("stroke")).toBeLessThan(3 * LINES);
  plot.destroy();
});

test("a range that is shown already is not drawn again, and a hidden cursor changes no element", async () => {
  const { plot, element, onPoint } = opened();
  plot.setRange({ min: 4000, max: 7000 });
  plot.setPoint(null);
  calls.clear();
  const observer = new MutationObserver(() => undefined);
  observer.observe(element, { subtree: true, attributes: true });
  plot.setPoint(null);
  expect(observer.takeRecords()).toEqual([]);
  plot.setPoint(5000);
  expect(observer.takeRecords().length).toBeGreaterThan(0);
  plot.setPoint(null);
  expect(observer.takeRecords().length).toBeGreaterThan(0);
  expect(onPoint).not.toHaveBeenCalled();
  plot.destroy();
});
