/** The table of an Experiment's trials, with a choice of those whose curves are drawn. */

import { useMemo, useState } from "react";
import { Swatch } from "../../charts/Legend";
import { lineStyle } from "../../charts/lineStyle";
import { Pager } from "../../parts/Pager";
import { RunLink } from "../run/RunLink";
import { BestMark } from "./PropertyTable";
import { type Drawn, MAX_DRAWN } from "./selection";
import { type Trial, shownColumns, sortedTrials } from "./trials";

const PAGE = 50;

export interface TrialsTableProps {
  columns: readonly string[];
  trials: readonly Trial[];
  namespace: string;
  /** Number of the best trial. */
  best: number | null;
  /** Whether the highest value is the best. */
  isDescending: boolean;
  drawn: Drawn;
  onToggle: (id: string) => void;
}

interface Order {
  column: number;
  isDescending: boolean;
}

export function TrialsTable({ columns, trials, namespace, best, isDescending, drawn, onToggle }: TrialsTableProps) {
  const [order, setOrder] = useState<Order>({ column: columns.indexOf("value"), isDescending });
  const [page, setPage] = useState(0);
  const sorted = useMemo(() => sortedTrials(trials, order.column, order.isDescending), [trials, order]);
  const shown = shownColumns(columns);
  const rows = sorted.slice(page * PAGE, (page + 1) * PAGE);
  const sort = (column: number) => {
    setOrder({ column, isDescending: order.column === column ? !order.isDescending : false });
    setPage(0);
  };
  return (
    <>
      <div className="table-wrap is-tall" tabIndex={0} role="group" aria-label="Trials">
        <table className="data-table">
          <caption className="visually-hidden">Trials</caption>
          <thead>
            <tr>
              <th scope="col">Draw</th>
              <th scope="col">Trial</th>
              {shown.map((column) => (
                <th
                  scope="col"
                  key={column}
                  aria-sort={order.column !== column ? "none" : order.isDescending ? "descending" : "ascending"}
                >
                  <button type="button" className="sort-button" onClick={() => sort(column)}>
                    {columns[column]}
                    <span aria-hidden="true">{order.column !== column ? "" : order.isDescending ? " ↓" : " ↑"}</span>
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((trial) => (
              <TrialRow
                key={trial.id}
                trial={trial}
                columns={shown}
                namespace={namespace}
                isBest={best !== null && String(best) === trial.number}
                style={drawn.get(trial.id)}
                isFull={drawn.size >= MAX_DRAWN}
                onToggle={onToggle}
              />
            ))}
          </tbody>
        </table>
      </div>
      <Pager label="trials" unit="Rows" page={page} size={PAGE} total={trials.length} onPage={setPage} />
      <p className="hint">
        {drawn.size} of at most {MAX_DRAWN} trials are drawn.
      </p>
    </>
  );
}

interface TrialRowProps {
  trial: Trial;
  columns: readonly number[];
  namespace: string;
  isBest: boolean;
  style: number | undefined;
  isFull: boolean;
  onToggle: (id: string) => void;
}

function TrialRow({ trial, columns, namespace, isBest, style, isFull, onToggle }: TrialRowProps) {
  return (
    <tr>
      <td>
        {trial.job && (
          <span className="draw-choice">
            <input
              type="checkbox"
              aria-label={`Draw trial ${trial.number}`}
              checked={style !== undefined}
              disabled={style === undefined && isFull}
              onChange={() => onToggle(trial.id)}
            />
            {style !== undefined && <Swatch style={lineStyle(style)} />}
          </span>
        )}
      </td>
      <th scope="row">
        {trial.job ? (
          <RunLink run={{ kind: "TrainingJob", namespace, name: trial.job }}>{trial.number}</RunLink>
        ) : (
          trial.number
        )}
        {isBest && <BestMark />}
      </th>
      {columns.map((column) => (
        <td key={column}>{trial.cells[column] || "–"}</td>
      ))}
    </tr>
  );
}
