// Another user has changed the stored run: both versions, and the user decides.
import { DifferenceTable } from "../../parts/actions/DifferenceTable";
import { Dialog } from "../../parts/Dialog";
import { ProblemBox } from "../../parts/ProblemBox";
import type { Problem } from "../../wire";
import { conflictRows } from "./conflicts";
import { LABELS } from "./saving";
import type { Conflict } from "./useSaving";

interface Props {
  name: string;
  conflict: Conflict;
  seen: Record<string, unknown>;
  text: string;
  refusal: Problem | null;
  isBusy: boolean;
  onOverwrite: () => void;
  onTakeStored: () => void;
  onClose: () => void;
}

export function ConflictDialog({ name, conflict, seen, text, refusal, isBusy, onOverwrite, onTakeStored, onClose }: Props) {
  const rows = conflictRows(seen, conflict.current, text).map(({ path, mine, stored }) => ({ path, before: mine, after: stored }));
  return (
    <Dialog title={`${name} has changed since you opened it`} onClose={onClose} isWide>
      <div className="dialog-body">
        <p>Another user or program changed these fields. Nothing of yours is stored yet.</p>
        {rows.length > 0 ? (
          <DifferenceTable rows={rows} before="Yours" after="Stored now" />
        ) : (
          <p>The specs are the same in both versions.</p>
        )}
        {refusal && <ProblemBox problem={refusal} />}
        <div className="buttons end">
          <button type="button" className="button" onClick={onClose}>
            Go on editing
          </button>
          <button type="button" className="button" disabled={isBusy} onClick={onTakeStored}>
            Take the stored version
          </button>
          <button type="button" className="button primary" disabled={isBusy} onClick={onOverwrite}>
            {LABELS[conflict.action]} with mine
          </button>
        </div>
      </div>
    </Dialog>
  );
}
