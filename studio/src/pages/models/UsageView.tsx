/** The requests of a model server by class: figures, and a table with bars. */

import { useState } from "react";
import { formatCount } from "../../parts/format";
import { Pager } from "../../parts/Pager";
import { ProblemBox } from "../../parts/ProblemBox";
import type { ClassCount, Usage } from "../../wire";
import { percentage } from "../run/confusion";

/** Rows of a page of the table. */
const ROWS = 20;

export interface UsageViewProps {
  usage: Usage;
  /** Whether the model answers with classes. */
  hasClasses: boolean;
}

export function UsageView({ usage, hasClasses }: UsageViewProps) {
  const { requests, refused, classes, pods, problem } = usage;
  return (
    <>
      {problem && <ProblemBox problem={problem} tone="warning" />}
      {(pods > 0 || !problem) && (
        <dl className="figures">
          <div>
            <dt>Requests</dt>
            <dd>{formatCount(requests)}</dd>
          </div>
          <div>
            <dt>Refused</dt>
            <dd>{formatCount(refused)}</dd>
          </div>
          <div>
            <dt>Pods</dt>
            <dd>{pods}</dd>
          </div>
        </dl>
      )}
      {classes.some(({ count }) => count > 0) ? (
        <ClassTable classes={classes} />
      ) : (
        pods > 0 && hasClasses && <p className="hint">There are no answers yet.</p>
      )}
      {pods > 0 && <p className="hint">Since the pods started. Studio does not store these figures; Prometheus can.</p>}
    </>
  );
}

function ClassTable({ classes }: { classes: readonly ClassCount[] }) {
  const [page, setPage] = useState(0);
  const total = classes.reduce((sum, { count }) => sum + count, 0);
  const most = classes.reduce((found, { count }) => Math.max(found, count), 1);
  const shown = Math.min(page, Math.ceil(classes.length / ROWS) - 1);
  return (
    <>
      <div className="table-wrap" tabIndex={0} role="group" aria-label="Answers by class">
        <table className="data-table usage-table">
          <caption className="visually-hidden">Answers by class</caption>
          <thead>
            <tr>
              <th scope="col">Class</th>
              <th scope="col" className="figure">
                Answers
              </th>
              <th scope="col" className="figure">
                Share
              </th>
              <td />
            </tr>
          </thead>
          <tbody>
            {classes.slice(shown * ROWS, (shown + 1) * ROWS).map(({ output, name, count }) => (
              <tr key={`${output} ${name}`}>
                <th scope="row">{name}</th>
                <td className="figure">{formatCount(count)}</td>
                <td className="figure">{percentage(total > 0 ? count / total : null)}</td>
                <td className="usage-bar">
                  <div className="progress" aria-hidden="true" style={{ "--part": count / most } as React.CSSProperties} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Pager label="the classes" unit="Classes" page={shown} size={ROWS} total={classes.length} onPage={setPage} />
    </>
  );
}
