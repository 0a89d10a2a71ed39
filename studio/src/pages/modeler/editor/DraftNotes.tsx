// What a user has to know of the open document: it is a draft, it has run, or another tab has changed it.
import type { ReactNode } from "react";
import type { DraftState } from "../../../modeler/drafts";
import { StateIcon } from "../../../parts/icons";
import { ProblemBox } from "../../../parts/ProblemBox";
import type { Origin } from "../origin";
import type { SaveState } from "../save/useSave";

interface Props {
  origin: Origin;
  draft: DraftState | null;
  save: SaveState;
  /** Stores this version in place of that of the other tab. */
  onKeep: () => void;
  onReopen: () => void;
}

export function DraftNotes({ origin, draft, save, onKeep, onReopen }: Props) {
  return (
    <div className="modeler-notes">
      {origin.run && origin.text !== origin.storedText && save.isChanged && (
        <Note text="This is your draft of a stored run. Its changes are not saved.">
          <button type="button" className="button" onClick={onReopen}>
            Discard the draft
          </button>
        </Note>
      )}
      {save.run?.hasRun && <Note text="This run has trained, so it does not change any more. Save keeps your changes as a new run." />}
      {draft?.kind === "conflict" && (
        <Note text="Another tab of this browser has changed the same draft.">
          <button type="button" className="button" onClick={() => save.takeDraft(draft.other)}>
            Take the other version
          </button>
          <button type="button" className="button" onClick={onKeep}>
            Keep this version
          </button>
        </Note>
      )}
      {draft?.kind === "failed" && <ProblemBox problem={draft.problem} tone="warning" />}
    </div>
  );
}

function Note({ text, children }: { text: string; children?: ReactNode }) {
  return (
    <div className="problem warning" role="note">
      <StateIcon shape="warning" />
      <p>{text}</p>
      {children && <div className="buttons">{children}</div>}
    </div>
  );
}
