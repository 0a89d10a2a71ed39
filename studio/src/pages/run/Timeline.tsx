/** The timeline of a run: a bar of its phases, with a table of the same times. */

import type { Phase } from "../../wire";
import { formatDuration, formatTime } from "../../parts/format";
import { toSegments } from "./timelineBar";

export interface TimelineProps {
  phases: readonly Phase[];
  now: number;
}

export function Timeline({ phases, now }: TimelineProps) {
  const segments = toSegments(phases, now);
  if (segments.length === 0) return <p className="hint">Nothing has happened yet.</p>;
  return (
    <div className="timeline">
      <svg className="timeline-bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
        {segments.map(({ phase, left, width }) => (
          <rect
            key={`${phase.name} ${phase.begin}`}
            className={`phase phase-${phase.name.toLowerCase()}`}
            x={left}
            width={width}
            y="0"
            height="10"
          />
        ))}
      </svg>
      <div className="table-wrap">
        <table className="data-table timeline-table">
          <caption className="visually-hidden">Timeline</caption>
          <thead>
            <tr>
              <th scope="col">Phase</th>
              <th scope="col">Begin</th>
              <th scope="col" className="figure">
                Duration
              </th>
            </tr>
          </thead>
          <tbody>
            {segments.map(({ phase, seconds }) => (
              <tr key={`${phase.name} ${phase.begin}`}>
                <th scope="row">
                  <span className={`phase-mark phase-${phase.name.toLowerCase()}`} aria-hidden="true" />
                  {phase.name}
                </th>
                <td>
                  {phase.isEstimated && "about "}
                  <time dateTime={phase.begin}>{formatTime(phase.begin)}</time>
                </td>
                <td className="figure">
                  {formatDuration(seconds * 1000)}
                  {phase.end ? "" : " so far"}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}
