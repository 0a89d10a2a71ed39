/** Properties of runs: a column for each run if they are few, else a row for each run, with some properties at once. */

import { Fragment, memo, useState } from "react";
import { keyText } from "../../api/paths";
import { Pager } from "../../parts/Pager";
import type { ComparedRun } from "../../wire";
import { RunLink } from "../run/RunLink";

/** Maximum number of runs with a column each. */
const MAX_COLUMNS = 6;
/** Properties at once, in a table with a row for each run. */
const PAGE = 12;
const NOT_SET = "–";

export interface PropertyTableProps {
  caption: string;
  runs: readonly ComparedRun[];
  /** Names of the properties. */
  names: readonly string[];
  value: (run: ComparedRun, name: string) => string | null | undefined;
  label: (run: ComparedRun) => string;
  /** Whether a property decides which run is the best. */
  isDecisive?: (name: string) => boolean;
}

/** Not drawn again when a run is chosen for the curves. */
export const PropertyTable = memo(function PropertyTable(props: PropertyTableProps) {
  const [page, setPage] = useState(0);
  const { caption, runs, names } = props;
  if (runs.length <= MAX_COLUMNS) return <ByProperty {...props} />;
  const pages = Math.max(1, Math.ceil(names.length / PAGE));
  const shown = Math.min(page, pages - 1);
  return (
    <>
      <ByRun {...props} names={names.slice(shown * PAGE, (shown + 1) * PAGE)} />
      <Pager label={caption} unit="Columns" page={shown} size={PAGE} total={names.length} onPage={setPage} />
    </>
  );
});

function ByProperty({ caption, runs, names, value, label, isDecisive }: PropertyTableProps) {
  return (
    <div className="table-wrap" tabIndex={0} role="group" aria-label={caption}>
      <table className="data-table compare-table">
        <caption className="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            <th scope="col">Name</th>
            {runs.map((run) => (
              <th scope="col" key={keyText(run.key)}>
                <RunLink run={run.key}>{label(run)}</RunLink>
                {run.isBest && <BestMark />}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {names.map((name) => (
            <tr key={name}>
              <th scope="row">
                <DottedName name={name} />
              </th>
              {runs.map((run) => (
                <Value
                  key={keyText(run.key)}
                  text={value(run, name)}
                  isBest={run.isBest && isDecisive?.(name) === true}
                />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function ByRun({ caption, runs, names, value, label, isDecisive }: PropertyTableProps) {
  return (
    <div className="table-wrap is-tall" tabIndex={0} role="group" aria-label={caption}>
      <table className="data-table compare-table">
        <caption className="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            <th scope="col">Run</th>
            {names.map((name) => (
              <th scope="col" key={name}>
                <DottedName name={name} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <tr key={keyText(run.key)}>
              <th scope="row">
                <RunLink run={run.key}>{label(run)}</RunLink>
                {run.isBest && <BestMark />}
              </th>
              {names.map((name) => (
                <Value key={name} text={value(run, name)} isBest={run.isBest && isDecisive?.(name) === true} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Value({ text, isBest }: { text: string | null | undefined; isBest: boolean }) {
  return (
    <td className={isBest ? "is-best" : undefined}>
      {text ?? NOT_SET}
      {isBest && <BestMark />}
    </td>
  );
}

/** A path of a field, which breaks after a dot before it breaks elsewhere. */
function DottedName({ name }: { name: string }) {
  return name.split(/(?<=\.)/u).map((part, index) => (
    <Fragment key={index}>
      {part}
      <wbr />
    </Fragment>
  ));
}

export function BestMark() {
  return (
    <>
      {" "}
      <span className="badge tone-ok best-mark">best</span>
    </>
  );
}
