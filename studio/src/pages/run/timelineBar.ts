/** The bar of a run's timeline: the share of the time that each phase took. */

export interface PhaseTimes {
  name: string;
  begin: string;
  /** Absent while the phase lasts. */
  end?: string | null;
}

export interface Segment<P extends PhaseTimes> {
  phase: P;
  seconds: number;
  /** Start and width in percent of the bar. */
  left: number;
  width: number;
}

/** Minimum width of a segment in percent, so that a short phase can be seen. */
const MIN_WIDTH = 0.6;

/** Returns the segments of a timeline, in the order of their time. */
export function toSegments<P extends PhaseTimes>(phases: readonly P[], now: number): Segment<P>[] {
  const timed = phases
    .map((phase) => ({ phase, begin: Date.parse(phase.begin), end: phase.end ? Date.parse(phase.end) : now }))
    .filter(({ begin, end }) => Number.isFinite(begin) && Number.isFinite(end))
    .map((each) => ({ ...each, end: Math.max(each.begin, each.end) }))
    .sort((a, b) => a.begin - b.begin);
  const first = timed[0];
  if (first === undefined) return [];
  const begin = first.begin;
  const total = Math.max(...timed.map(({ end }) => end)) - begin || 1;
  return timed.map((each) => {
    const width = Math.min(100, Math.max(MIN_WIDTH, ((each.end - each.begin) / total) * 100));
    return {
      phase: each.phase,
      seconds: (each.end - each.begin) / 1000,
      left: Math.min(((each.begin - begin) / total) * 100, 100 - width),
      width,
    };
  });
}
