// What a user has to know of the open document: it is a draft, it has run, or another tab has changed it.
import type { ReactNode } from "react";
import type { DraftState, DraftStore } from "../../../modeler/drafts";
import type { ModelerSession } from "../../../modeler/session";
import { StateIcon } from "../../../parts/icons";
import { ProblemBox } from "../../../parts/ProblemBox";
import type { Origin } from "../origin";

interface Props {
  origin: Origin;
  isDraft: boolean;
  draft: DraftState | null;
  drafts: DraftStore;
  hasRun: boolean;
  session: ModelerSession;
  onReopen: () => void;
}

export function DraftNotes({ origin, isDraft, draft, drafts, hasRun, session, onReopen }: Props) {
  return (
    <div className="modeler-notes">
      {isDraft && origin.run && (
        <Note text="This is your draft of a stored run. Its changes are not saved.">
          <button type="button" className="button" onClick={onReopen}>
            Discard the draft
          </button>
        </Note>
      )}
      {hasRun && <Note text="This run has trained, so it does not change any more. Save keeps your changes as a new run." />}
      {draft?.kind === "conflict" && (
        <Note text="Another tab of this browser has changed the same draft.">
          <button type="button" className="button" onClick={() => session.open(draft.other.text)}>
            Take the other version
          </button>
          <button
            type="button"
            className="button"
            onClick={() => void drafts.overwrite({ ...draft.other, text: session.getState().text })}
          >
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
