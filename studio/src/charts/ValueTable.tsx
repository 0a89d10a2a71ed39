/** All values of a chart as a table: the form of the chart for readers without a picture. */

import { memo, useState } from "react";
import { Pager } from "../parts/Pager";
import { type Line, toColumns } from "./lines";
import { formatValue } from "./numbers";

/** Rows of the table at once. */
const PAGE_ROWS = 50;

export interface ValueTableProps {
  label: string;
  axis: string;
  lines: readonly Line[];
}

/** A table that is made when it is opened. It is not drawn again while the visible part of the chart moves. */
export const ValueTable = memo(function ValueTable(props: ValueTableProps) {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <details className="chart-values" onToggle={(event) => setIsOpen(event.currentTarget.open)}>
      <summary>All values of {props.label}</summary>
      {isOpen && <Values {...props} />}
    </details>
  );
});

function Values({ label, axis, lines }: ValueTableProps) {
  const { x, y } = toColumns(lines);
  const pages = Math.max(1, Math.ceil(x.length / PAGE_ROWS));
  // The newest page first; a number counts from the start, so that new rows do not move the page.
  const [chosen, setChosen] = useState<number | null>(null);
  const page = Math.min(chosen ?? pages - 1, pages - 1);
  const begin = page * PAGE_ROWS;
  const rows = x.slice(begin, begin + PAGE_ROWS);
  return (
    <>
      <div className="table-wrap" tabIndex={0} role="group" aria-label={`Values of ${label}`}>
        <table className="data-table">
          <caption className="visually-hidden">Values of {label}</caption>
          <thead>
            <tr>
              <th scope="col">{axis}</th>
              {lines.map((line) => (
                <th scope="col" key={line.id} className="figure">
                  {line.label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((value, index) => (
              <tr key={value}>
                <th scope="row">{value}</th>
                {y.map((column, place) => {
                  const found = column[begin + index];
                  return (
                    <td key={lines[place]?.id} className="figure">
                      {found === null || found === undefined ? "–" : formatValue(found)}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Pager label={label} unit="Rows" page={page} size={PAGE_ROWS} total={x.length} onPage={setChosen} />
    </>
  );
}
