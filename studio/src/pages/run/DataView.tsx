/** data.json: the data sets as the network received them. */

import type { ArraySummary, DataSummary, LabelSummary, SetSummary } from "../../data-report";
import { StateIcon } from "../../parts/icons";
import { formatValue } from "../../charts/numbers";
import { formatCount } from "../../parts/format";

const SETS = ["train", "validation", "test"] as const;
/** Classes and columns of a table before the user asks for all. */
const FIRST_ROWS = 20;

export function DataView({ report }: { report: DataSummary }) {
  const sets = SETS.flatMap((name) => {
    const found = report[name];
    return found ? [{ name, set: found }] : [];
  });
  const shared = (report.shared ?? []).filter((each) => each.found > 0);
  return (
    <div className="data-report">
      <ArrayTable sets={sets} />
      <ClassBalance sets={sets} />
      <ColumnRanges sets={sets} />
      {sets.map(({ name, set }) =>
        set.repeated.found > 0 ? (
          <p className="hint" key={name}>
            {formatCount(set.repeated.found)} of {formatCount(set.repeated.checked)} checked samples of {name} occur several times.
          </p>
        ) : null,
      )}
      {shared.map((each) => (
        <div className="problem warning" key={`${each.set} ${each.other}`}>
          <StateIcon shape="warning" />
          <p>
            {formatCount(each.found)} of {formatCount(each.checked)} checked samples of {each.set} are in {each.other}, too.
          </p>
        </div>
      ))}
    </div>
  );
}

interface NamedSet {
  name: string;
  set: SetSummary;
}

/** Returns the arrays of a set: its inputs and outputs by name, or its features and labels. */
function arrays(set: SetSummary): [string, ArraySummary | LabelSummary][] {
  if (set.inputs && set.outputs) return [...Object.entries(set.inputs), ...Object.entries(set.outputs)];
  return [
    ["features", set.features],
    ["labels", set.labels],
  ];
}

function ArrayTable({ sets }: { sets: readonly NamedSet[] }) {
  return (
    <div className="table-wrap" tabIndex={0} role="group" aria-label="Arrays of the data">
      <table className="data-table">
        <caption>Arrays</caption>
        <thead>
          <tr>
            <th scope="col">Set</th>
            <th scope="col">Array</th>
            <th scope="col" className="figure">
              Samples
            </th>
            <th scope="col">Shape of a sample</th>
            <th scope="col">Type</th>
            <th scope="col" className="figure">
              Range
            </th>
            <th scope="col" className="figure">
              Mean
            </th>
            <th scope="col">Source</th>
          </tr>
        </thead>
        <tbody>
          {sets.flatMap(({ name, set }) =>
            arrays(set).map(([array, summary]) => (
              <tr key={`${name} ${array}`}>
                <th scope="row">{name}</th>
                <td>{array}</td>
                <td className="figure">{formatCount(set.samples)}</td>
                <td>{summary.shape.length > 0 ? summary.shape.join(" × ") : "a number"}</td>
                <td>{summary.dtype}</td>
                <td className="figure">{rangeText(summary)}</td>
                <td className="figure">{valueText(summary.mean)}</td>
                <td>{summary.source}</td>
              </tr>
            )),
          )}
        </tbody>
      </table>
    </div>
  );
}

function ClassBalance({ sets }: { sets: readonly NamedSet[] }) {
  const balances = sets.flatMap(({ name, set }) => (set.labels.classes ? [{ name, classes: set.labels.classes }] : []));
  const first = balances[0];
  if (first === undefined) return null;
  const indices = [...new Set(balances.flatMap(({ classes }) => classes.byClass.map((each) => each.index)))];
  const rows = indices.sort((a, b) => a - b);
  const found = balances.map(({ classes }) => new Map(classes.byClass.map((each) => [each.index, each])));
  return (
    <Foldable count={rows.length} name="classes">
      <div className="table-wrap" tabIndex={0} role="group" aria-label="Samples of each class">
        <table className="data-table">
          <caption>Samples of each class</caption>
          <thead>
            <tr>
              <th scope="col">Class</th>
              {balances.map(({ name }) => (
                <th scope="col" className="figure" key={name}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((index) => (
              <tr key={index}>
                <th scope="row">{found.map((each) => each.get(index)?.name).find((name) => name) ?? index}</th>
                {found.map((each, place) => (
                  <td className="figure" key={balances[place]?.name}>
                    {countText(each.get(index)?.samples)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Foldable>
  );
}

function ColumnRanges({ sets }: { sets: readonly NamedSet[] }) {
  const columns = sets[0]?.set.features.columns ?? [];
  if (columns.length < 2) return null;
  return (
    <Foldable count={columns.length} name="columns">
      <div className="table-wrap" tabIndex={0} role="group" aria-label="Columns of the features">
        <table className="data-table">
          <caption>Columns or channels of the features in the training set</caption>
          <thead>
            <tr>
              <th scope="col">Column</th>
              <th scope="col" className="figure">
                Range
              </th>
              <th scope="col" className="figure">
                Mean
              </th>
            </tr>
          </thead>
          <tbody>
            {columns.map((column, index) => (
              <tr key={index}>
                <th scope="row">{column.name ?? index}</th>
                <td className="figure">{rangeText(column)}</td>
                <td className="figure">{valueText(column.mean)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Foldable>
  );
}

/** A long table behind a disclosure; a short one alone. */
function Foldable({ count, name, children }: { count: number; name: string; children: React.ReactNode }) {
  if (count <= FIRST_ROWS) return children;
  return (
    <details>
      <summary>
        {formatCount(count)} {name}
      </summary>
      {children}
    </details>
  );
}

function rangeText(range: { lowest?: number | null; highest?: number | null }): string {
  return typeof range.lowest === "number" && typeof range.highest === "number"
    ? `${formatValue(range.lowest)} to ${formatValue(range.highest)}`
    : "–";
}

function countText(value: number | undefined): string {
  return value === undefined ? "–" : formatCount(value);
}

function valueText(value: number | null | undefined): string {
  return typeof value === "number" ? formatValue(value) : "–";
}
