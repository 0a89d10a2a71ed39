/** Figures of a run: names with their values. */

import type { Figure } from "./runFigures";

/** Characters from which a value has a row of its own. */
const LONG = 36;

export function Figures({ figures }: { figures: readonly Figure[] }) {
  if (figures.length === 0) return <p className="hint">There are no figures yet.</p>;
  return (
    <dl className="details">
      {figures.map(({ name, value }) => (
        <div key={name} className={value.length > LONG ? "is-wide" : undefined}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
