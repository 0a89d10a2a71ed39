// Two users have changed an object: both versions, and the user decides again.
import type { Problem } from "../../wire";
import { Dialog } from "../Dialog";
import { ProblemBox } from "../ProblemBox";
import { differences, MAX_DIFFERENCES } from "./differences";

interface Props {
  name: string;
  /** The action, as its button names it. */
  label: string;
  seen: Record<string, unknown>;
  stored: Record<string, unknown>;
  /** Why the last confirmation failed. */
  refusal: Problem | undefined;
  isBusy: boolean;
  onConfirm: () => void;
  onClose: () => void;
}

export function ConflictDialog({ name, label, seen, stored, refusal, isBusy, onConfirm, onClose }: Props) {
  const differing = differences(seen, stored);
  return (
    <Dialog title={`${name} has changed since you opened it`} onClose={onClose} isWide>
      <div className="dialog-body">
        <p>Another user or program changed these fields. Nothing of your action is done yet.</p>
        {differing.length > 0 ? (
          <div className="table-wrap" tabIndex={0} role="region" aria-label="Differing fields">
            <table>
              <thead>
                <tr>
                  <th scope="col">Field</th>
                  <th scope="col">As you saw it</th>
                  <th scope="col">As it is now</th>
                </tr>
              </thead>
              <tbody>
                {differing.map(({ path, before, after }) => (
                  <tr key={path}>
                    <th scope="row">
                      <code>{path}</code>
                    </th>
                    <td>{before === undefined ? <span className="quiet">not set</span> : <code>{before}</code>}</td>
                    <td>{after === undefined ? <span className="quiet">not set</span> : <code>{after}</code>}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        ) : (
          <p>The spec, labels and annotations are the same in both versions.</p>
        )}
        {differing.length === MAX_DIFFERENCES && <p className="quiet">The first {MAX_DIFFERENCES} fields are shown.</p>}
        {refusal && <ProblemBox problem={refusal} />}
        <div className="buttons end">
          <button type="button" className="button" onClick={onClose}>
            Leave it as it is
          </button>
          <button type="button" className="button primary" disabled={isBusy} onClick={onConfirm}>
            {label} the current version
          </button>
        </div>
      </div>
    </Dialog>
  );
}
