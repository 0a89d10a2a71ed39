// The fields in which two versions of an object differ.
import type { Difference } from "./differences";

interface Props {
  rows: readonly Difference[];
  /** Headings of the two versions. */
  before: string;
  after: string;
}

export function DifferenceTable({ rows, before, after }: Props) {
  return (
    <div className="table-wrap" tabIndex={0} role="region" aria-label="Differing fields">
      <table>
        <thead>
          <tr>
            <th scope="col">Field</th>
            <th scope="col">{before}</th>
            <th scope="col">{after}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.path}>
              <th scope="row">
                <code>{row.path}</code>
              </th>
              <td>
                <Value value={row.before} />
              </td>
              <td>
                <Value value={row.after} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Value({ value }: { value: string | undefined }) {
  return value === undefined ? <span className="quiet">not set</span> : <code>{value}</code>;
}
