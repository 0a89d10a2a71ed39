// Two users have changed an object: both versions, and the user decides again.
import type { Problem } from "../../wire";
import { Dialog } from "../Dialog";
import { ProblemBox } from "../ProblemBox";
import { DifferenceTable } from "./DifferenceTable";
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
          <DifferenceTable rows={differing} before="As you saw it" after="As it is now" />
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
