/** Events and conditions of a run, newest first. */

import type { Entry, Problem } from "../../wire";
import { ProblemNote } from "./ProblemNote";
import { formatTime } from "../../parts/format";

export interface EntriesProps {
  entries: readonly Entry[];
  problem: Problem | null;
}

export function Entries({ entries, problem }: EntriesProps) {
  return (
    <>
      {problem && <ProblemNote title="Events are missing." problem={problem} />}
      {entries.length === 0 ? (
        <p className="hint">There are no Events and conditions yet.</p>
      ) : (
        <div className="table-wrap" tabIndex={0} role="group" aria-label="Events and conditions">
          <table className="data-table">
            <caption className="visually-hidden">Events and conditions, newest first</caption>
            <thead>
              <tr>
                <th scope="col">Time</th>
                <th scope="col">Type</th>
                <th scope="col">Reason</th>
                <th scope="col">Message</th>
              </tr>
            </thead>
            <tbody>
              {entries.map((entry, index) => (
                <tr
                  key={`${entry.time} ${entry.type} ${entry.reason} ${index}`}
                  className={isBad(entry) ? "is-bad" : ""}
                >
                  <td className="nowrap">
                    <time dateTime={entry.time}>{formatTime(entry.time)}</time>
                  </td>
                  <td>{entry.type}</td>
                  <td>{entry.reason}</td>
                  <td className="message">
                    {entry.message}
                    {entry.count > 1 && <span className="hint"> ({entry.count} times)</span>}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}

function isBad(entry: Entry): boolean {
  return entry.type === "Warning";
}
