// Asks before a deletion, and names the results that stay.
import { useState } from "react";
import { problemOf } from "../../api/client";
import type { Problem, RunDetail } from "../../wire";
import { notify } from "../announcements";
import { Dialog } from "../Dialog";
import { ProblemBox } from "../ProblemBox";
import { deletionEffects } from "./applicable";
import { deleteRun } from "./requests";

interface Props {
  detail: RunDetail;
  onClose: () => void;
  onDeleted?: (() => void) | undefined;
}

export function DeleteDialog({ detail, onClose, onDeleted }: Props) {
  const { summary } = detail;
  const [refusal, setRefusal] = useState<Problem>();
  const [isBusy, setBusy] = useState(false);

  async function confirm(): Promise<void> {
    setBusy(true);
    try {
      await deleteRun(summary);
      notify(`${summary.name} is deleted.`);
      onClose();
      onDeleted?.();
    } catch (error) {
      setRefusal(problemOf(error));
      setBusy(false);
    }
  }

  return (
    <Dialog title={`Delete ${summary.kind} ${summary.name}?`} onClose={onClose}>
      <div className="dialog-body">
        {deletionEffects(detail).map((sentence) => (
          <p key={sentence}>{sentence}</p>
        ))}
        {refusal && <ProblemBox problem={refusal} />}
        <div className="buttons end">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="button" className="button danger" disabled={isBusy} onClick={() => void confirm()}>
            {isBusy ? "Deleting…" : "Delete"}
          </button>
        </div>
      </div>
    </Dialog>
  );
}
