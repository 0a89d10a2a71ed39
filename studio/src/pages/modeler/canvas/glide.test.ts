import type { Viewport } from "@xyflow/react";
import { beforeEach, expect, test, vi } from "vitest";
import { glide, zoomedAbout } from "./glide";

const FROM = { x: 0, y: 0, zoom: 1 };
const TO = { x: 100, y: -50, zoom: 0.5 };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["requestAnimationFrame", "cancelAnimationFrame", "performance"] });
});

test("a move goes through frames to its goal", () => {
  const seen: Viewport[] = [];
  glide(FROM, TO, 200, (viewport) => seen.push(viewport));
  expect(seen).toEqual([]);
  vi.advanceTimersByTime(400);
  expect(seen.length).toBeGreaterThan(3);
  expect(seen.at(-1)).toEqual(TO);
  const xs = seen.map(({ x }) => x);
  expect(xs).toEqual([...xs].sort((a, b) => a - b));
});

test("a move without time reaches its goal at once", () => {
  const set = vi.fn();
  glide(FROM, TO, 0, set);
  expect(set.mock.calls).toEqual([[TO]]);
});

test("a move that is stopped stays where it is", () => {
  const set = vi.fn();
  const stop = glide(FROM, TO, 200, set);
  vi.advanceTimersByTime(100);
  const before = set.mock.calls.length;
  stop();
  vi.advanceTimersByTime(400);
  expect(set.mock.calls.length).toBe(before);
});

test("the centre stays while the canvas zooms, within the limits of its scale", () => {
  const limits = { min: 0.1, max: 1.75 };
  const centre = { x: 200, y: 100 };
  expect(zoomedAbout({ x: 10, y: 20, zoom: 1 }, 1.5, centre, limits)).toEqual({ x: -85, y: -20, zoom: 1.5 });
  expect(zoomedAbout(FROM, 4, centre, limits).zoom).toBe(1.75);
  const at = { x: 10, y: 20, zoom: 0.1 };
  expect(zoomedAbout(at, 0.8, centre, limits)).toEqual(at);
});
