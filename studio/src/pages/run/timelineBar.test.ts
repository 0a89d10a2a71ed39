import { expect, test } from "vitest";
import { toSegments } from "./timelineBar";

const minute = (value: number) => new Date(Date.UTC(2026, 0, 1, 12, value)).toISOString();

test("segments have the share of their time", () => {
  const segments = toSegments(
    [
      { name: "Training", begin: minute(5), end: minute(20) },
      { name: "Queue", begin: minute(0), end: minute(5) },
    ],
    Date.parse(minute(60)),
  );
  expect(segments.map(({ phase, seconds, left, width }) => [phase.name, seconds, left, width])).toEqual([
    ["Queue", 300, 0, 25],
    ["Training", 900, 25, 75],
  ]);
});

test("a phase that lasts ends now", () => {
  const [segment] = toSegments([{ name: "Training", begin: minute(0), end: null }], Date.parse(minute(2)));
  expect(segment).toMatchObject({ seconds: 120, left: 0, width: 100 });
});

test("a clock that is behind and a wrong time make no negative phase", () => {
  const [segment] = toSegments([{ name: "Queue", begin: minute(5) }], Date.parse(minute(0)));
  expect(segment).toMatchObject({ seconds: 0, left: 0 });
  expect(toSegments([{ name: "Queue", begin: "soon" }], 0)).toEqual([]);
});

test("a short phase can be seen, within the bar", () => {
  const segments = toSegments(
    [
      { name: "Training", begin: minute(0), end: minute(600) },
      { name: "Storing", begin: minute(600), end: minute(600) },
    ],
    Date.parse(minute(600)),
  );
  const last = segments.at(-1);
  expect(last?.width).toBeGreaterThan(0.5);
  expect((last?.left ?? 0) + (last?.width ?? 0)).toBeLessThanOrEqual(100);
});
