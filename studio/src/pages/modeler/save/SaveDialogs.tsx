// The dialogs of saving: a name, a namespace, two versions, a refusal, and the result.
import { useEffect, useId, useRef, useState, type FormEvent } from "react";
import { differences, MAX_DIFFERENCES } from "../../../parts/actions/differences";
import { DifferenceTable } from "../../../parts/actions/DifferenceTable";
import { nameProblem } from "../../../parts/actions/requests";
import { keyText } from "../../../api/paths";
import { namespaceProblem } from "../../../namespaces";
import { runAddress } from "../../../navigation";
import { CopyableCommand } from "../../../parts/CopyableCommand";
import { Dialog } from "../../../parts/Dialog";
import { Link } from "../../../parts/Link";
import { ProblemBox } from "../../../parts/ProblemBox";
import type { Saved } from "../../../wire";
import { kubectlCommand } from "./save";
import type { SaveState } from "./useSave";

interface Props {
  save: SaveState;
  namespaces: readonly string[] | null;
}

export default function SaveDialogs({ save, namespaces }: Props) {
  const { step } = save;
  switch (step.name) {
    case "closed":
      return null;
    case "name":
      return <NameDialog key={step.suggestion} save={save} suggestion={step.suggestion} cause={step.cause} />;
    case "namespace":
      return <NamespaceDialog save={save} namespaces={namespaces} />;
    case "conflict":
      return <ConflictDialog save={save} stored={step.stored} />;
    case "failed":
      return (
        <Dialog title="The run is not saved" onClose={save.close}>
          <div className="dialog-body">
            <ProblemBox problem={step.problem} />
            <div className="buttons end">
              <button type="button" className="button primary" onClick={save.close}>
                Back to the network
              </button>
            </div>
          </div>
        </Dialog>
      );
    case "saved":
      return <SavedDialog saved={step.saved} onClose={save.close} />;
  }
}

function NameDialog({ save, suggestion, cause }: { save: SaveState; suggestion: string; cause: string }) {
  const id = useId();
  const [name, setName] = useState(suggestion);
  const [error, setError] = useState("");

  function submit(event: FormEvent): void {
    event.preventDefault();
    const found = nameProblem(name.trim());
    setError(found);
    if (!found) save.saveAs(name.trim());
  }

  return (
    <Dialog title="Save as a new run" onClose={save.close}>
      <form onSubmit={submit} noValidate>
        <p>{cause}</p>
        <div className="field">
          <label htmlFor={id}>Name</label>
          <input
            id={id}
            value={name}
            onChange={(event) => setName(event.target.value)}
            aria-invalid={error !== ""}
            aria-describedby={error ? `${id}-error` : undefined}
            autoCapitalize="none"
            autoComplete="off"
            spellCheck={false}
          />
          {error && (
            <p id={`${id}-error`} className="field-error" role="alert">
              {error}
            </p>
          )}
        </div>
        <Buttons save={save} />
      </form>
    </Dialog>
  );
}

function NamespaceDialog({ save, namespaces }: { save: SaveState; namespaces: readonly string[] | null }) {
  const id = useId();
  const [namespace, setNamespace] = useState(namespaces?.[0] ?? "");
  const [error, setError] = useState("");

  function submit(event: FormEvent): void {
    event.preventDefault();
    const found = namespaceProblem(namespace.trim());
    setError(found);
    if (!found) save.saveIn(namespace.trim());
  }

  return (
    <Dialog title="Which namespace?" onClose={save.close}>
      <form onSubmit={submit} noValidate>
        <div className="field">
          <label htmlFor={id}>Namespace of the run</label>
          {namespaces ? (
            <select id={id} value={namespace} onChange={(event) => setNamespace(event.target.value)}>
              {namespaces.map((each) => (
                <option key={each} value={each}>
                  {each}
                </option>
              ))}
            </select>
          ) : (
            <input id={id} value={namespace} onChange={(event) => setNamespace(event.target.value)} aria-invalid={error !== ""} aria-describedby={error ? `${id}-error` : undefined} autoCapitalize="none" autoComplete="off" spellCheck={false} />
          )}
          {error && (
            <p id={`${id}-error`} className="field-error" role="alert">
              {error}
            </p>
          )}
        </div>
        <Buttons save={save} />
      </form>
    </Dialog>
  );
}

function Buttons({ save }: { save: SaveState }) {
  return (
    <div className="buttons end">
      <button type="button" className="button" onClick={save.close}>
        Cancel
      </button>
      <button type="submit" className="button primary" disabled={save.isBusy}>
        {save.isBusy ? "Saving…" : "Save"}
      </button>
    </div>
  );
}

function ConflictDialog({ save, stored }: { save: SaveState; stored: Record<string, unknown> }) {
  const differing = differences(save.mine(), stored);
  return (
    <Dialog title={`${save.run?.key.name ?? "The run"} has changed since you opened it`} onClose={save.close} isWide>
      <div className="dialog-body">
        <p>Another user or program has changed the stored run. Nothing of yours is saved yet.</p>
        {differing.length > 0 ? (
          <DifferenceTable rows={differing} before="Yours" after="As it is stored now" />
        ) : (
          <p>The spec, labels and annotations are the same in both versions.</p>
        )}
        {differing.length === MAX_DIFFERENCES && <p className="quiet">The first {MAX_DIFFERENCES} fields are shown.</p>}
        <div className="buttons end">
          <button type="button" className="button" onClick={save.close}>
            Go on drawing
          </button>
          <button type="button" className="button" disabled={save.isBusy} onClick={save.takeStored}>
            Take the stored version
          </button>
          <button type="button" className="button primary" disabled={save.isBusy} onClick={save.askName}>
            Keep mine as a new run…
          </button>
        </div>
      </div>
    </Dialog>
  );
}

function SavedDialog({ saved, onClose }: { saved: Saved; onClose: () => void }) {
  const { key, warnings } = saved;
  const done = useRef<HTMLButtonElement>(null);
  // After the dialog itself, which gives the focus to its first button.
  useEffect(() => done.current?.focus(), []);
  return (
    <Dialog title={`${key.name} is saved`} onClose={onClose}>
      <div className="dialog-body">
        <p>
          It is a {key.kind} in {key.namespace} that waits: <code>spec.suspend</code> is true. kubectl sees it, too:
        </p>
        <CopyableCommand command={kubectlCommand(saved)} />
        {warnings.map((warning) => (
          <ProblemBox key={warning} problem={{ reason: "Warning", message: warning, remedy: "", current: null }} tone="warning" />
        ))}
        <div className="buttons end">
          <Link href={runAddress(key)} className="button">
            Show the run
          </Link>
          <Link href={`/new?${new URLSearchParams({ run: keyText(key) })}`} className="button">
            Start the training…
          </Link>
          <button ref={done} type="button" className="button primary" onClick={onClose}>
            Go on drawing
          </button>
        </div>
      </div>
    </Dialog>
  );
}
