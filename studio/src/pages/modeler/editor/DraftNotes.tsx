// What a user has to know of the open document: it is a draft, it has run, another tab has changed it, or another user the stored run.
import type { DraftState } from "../../../modeler/drafts";
import { StoredChangeNote } from "../../../parts/actions/StoredChangeNote";
import { Note } from "../../../parts/Note";
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
      {save.run && !save.run.hasRun && !save.isBusy && <StoredChangeNote run={save.run} onCompare={save.compare} onDetach={save.detach} />}
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
