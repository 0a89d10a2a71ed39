/** The compared runs, with a choice of those whose curves are drawn. */

import { memo } from "react";
import { keyText } from "../../api/paths";
import { Swatch } from "../../charts/Legend";
import { lineStyle } from "../../charts/lineStyle";
import { StateIcon } from "../../parts/icons";
import { StateBadge } from "../../parts/StateBadge";
import type { ComparedRun, RunKey } from "../../wire";
import { RunLink } from "../run/RunLink";
import { BestMark } from "./PropertyTable";
import { type Drawn, MAX_DRAWN } from "./selection";

export interface ComparedRunsProps {
  runs: readonly ComparedRun[];
  label: (run: ComparedRun) => string;
  drawn: Drawn;
  onToggle: (id: string) => void;
  onRemove: (run: RunKey) => void;
}

export function ComparedRuns({ runs, label, drawn, onToggle, onRemove }: ComparedRunsProps) {
  return (
    <>
      <div className="table-wrap is-tall" tabIndex={0} role="group" aria-label="Compared runs">
        <table className="data-table">
          <caption className="visually-hidden">Compared runs</caption>
          <thead>
            <tr>
              <th scope="col">Draw</th>
              <th scope="col">Run</th>
              <th scope="col">State</th>
              <th scope="col">
                <span className="visually-hidden">Remove</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {runs.map((run) => {
              const id = keyText(run.key);
              const style = drawn.get(id);
              const isFull = style === undefined && drawn.size >= MAX_DRAWN;
              return <Row key={id} {...{ run, style, isFull, onToggle, onRemove }} label={label(run)} />;
            })}
          </tbody>
        </table>
      </div>
      <p className="hint">
        {drawn.size} of at most {MAX_DRAWN} runs are drawn.
      </p>
    </>
  );
}

interface RowProps {
  run: ComparedRun;
  label: string;
  /** Index of its style, if it is drawn. */
  style: number | undefined;
  /** Whether no more runs can be drawn. */
  isFull: boolean;
  onToggle: (id: string) => void;
  onRemove: (run: RunKey) => void;
}

/** Not drawn again when another run is chosen. */
const Row = memo(function Row({ run, label, style, isFull, onToggle, onRemove }: RowProps) {
  return (
    <tr>
      <td>
        {run.key.kind === "TrainingJob" ? (
          <span className="draw-choice">
            <input
              type="checkbox"
              aria-label={`Draw ${label}`}
              checked={style !== undefined}
              disabled={isFull}
              onChange={() => onToggle(keyText(run.key))}
            />
            {style !== undefined && <Swatch style={lineStyle(style)} />}
          </span>
        ) : (
          <span className="hint">see its page</span>
        )}
      </td>
      <th scope="row">
        <RunLink run={run.key}>{label}</RunLink>
        {run.isBest && <BestMark />}
      </th>
      <td>
        <StateBadge state={run.state} />
      </td>
      <td>
        <button
          type="button"
          className="button icon-button"
          aria-label={`Remove ${label}`}
          onClick={() => onRemove(run.key)}
        >
          <StateIcon shape="close" />
        </button>
      </td>
    </tr>
  );
});
