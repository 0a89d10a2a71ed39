// Copies a run under another name.
import { useId, useState, type FormEvent } from "react";
import { problemOf } from "../../api/client";
import { navigate, runAddress } from "../../navigation";
import type { Problem, RunSummary } from "../../wire";
import { notify } from "../announcements";
import { Dialog } from "../Dialog";
import { ProblemBox } from "../ProblemBox";
import { cloneRun, copyName, nameProblem } from "./requests";

export function CloneDialog({ run, onClose }: { run: RunSummary; onClose: () => void }) {
  const id = useId();
  const [name, setName] = useState(copyName(run.name));
  const [startsNow, setStartsNow] = useState(false);
  const [fieldError, setFieldError] = useState("");
  const [refusal, setRefusal] = useState<Problem>();
  const [isBusy, setBusy] = useState(false);
  const hasSuspend = run.kind !== "ModelServer";

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    const found = nameProblem(name.trim());
    setFieldError(found);
    if (found) return;
    setBusy(true);
    try {
      const copy = await cloneRun(run, { name: name.trim(), suspend: !startsNow });
      notify(`${copy.name} is created${hasSuspend && !startsNow ? ", and waits until you resume it" : ""}.`);
      onClose();
      navigate(runAddress(copy));
    } catch (error) {
      setRefusal(problemOf(error));
      setBusy(false);
    }
  }

  return (
    <Dialog title={`Clone ${run.name}`} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)} noValidate>
        <div className="field">
          <label htmlFor={id}>Name of the copy</label>
          <input
            id={id}
            value={name}
            onChange={(event) => setName(event.target.value)}
            aria-invalid={fieldError !== ""}
            aria-describedby={fieldError ? `${id}-error` : undefined}
            autoCapitalize="none"
            autoComplete="off"
            spellCheck={false}
          />
          {fieldError && (
            <p id={`${id}-error`} className="field-error" role="alert">
              {fieldError}
            </p>
          )}
        </div>
        {hasSuspend && (
          <label className="check">
            <input type="checkbox" checked={startsNow} onChange={(event) => setStartsNow(event.target.checked)} />
            Start it now
          </label>
        )}
        {refusal && <ProblemBox problem={refusal} />}
        <div className="buttons end">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button primary" disabled={isBusy}>
            {isBusy ? "Cloning…" : "Clone"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
