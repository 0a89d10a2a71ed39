/** Deploys the model of a run: asks for a name, creates the ModelServer, and leads to its page. */

import { type FormEvent, useId, useState } from "react";
import { problemOf, request } from "../../api/client";
import { runPath } from "../../api/paths";
import { navigate, runAddress } from "../../navigation";
import { Dialog } from "../../parts/Dialog";
import { ProblemBox } from "../../parts/ProblemBox";
import type { DeployRequest, Problem, RunKey } from "../../wire";
import { nameProblem } from "./names";

export interface DeployButtonProps {
  run: RunKey;
  /** Address of the page that shows the new ModelServer. */
  addressOf?: (server: RunKey) => string;
  /** Whether it is the main action of its page. */
  isPrimary?: boolean;
}

export function DeployButton({ run, addressOf = runAddress, isPrimary = true }: DeployButtonProps) {
  const [isOpen, setIsOpen] = useState(false);
  const close = () => setIsOpen(false);
  return (
    <>
      <button
        type="button"
        className={isPrimary ? "button primary" : "button"}
        aria-label={isPrimary ? undefined : `Deploy ${run.name}`}
        onClick={() => setIsOpen(true)}
      >
        Deploy
      </button>
      {isOpen && (
        <Dialog title={`Deploy the model of ${run.name}`} onClose={close}>
          <DeployForm run={run} addressOf={addressOf} onClose={close} />
        </Dialog>
      )}
    </>
  );
}

interface DeployFormProps {
  run: RunKey;
  addressOf: (server: RunKey) => string;
  onClose: () => void;
}

/** How the server takes photographs, by the value of the choice. */
const INPUTS: readonly (readonly [Exclude<DeployRequest["images"], undefined>, string])[] = [
  [null, "Chosen by the network's input"],
  ["Digit", "Drawings and photographs of digits"],
  ["Resize", "Photographs"],
  ["None", "Numbers or a table"],
];

function DeployForm({ run, addressOf, onClose }: DeployFormProps) {
  const [name, setName] = useState(run.name);
  const [images, setImages] = useState(INPUTS[0]?.[0] ?? null);
  const [isSending, setIsSending] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [wrong, setWrong] = useState("");
  const id = useId();

  const choose = (chosen: string) => setImages(INPUTS.find(([value]) => (value ?? "") === chosen)?.[0] ?? null);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const found = nameProblem(name);
    setWrong(found);
    if (found !== "") return;
    setIsSending(true);
    setProblem(null);
    try {
      const body: DeployRequest = { name, images };
      const server = await request<RunKey>(`${runPath(run)}/deployment`, { method: "POST", body });
      onClose();
      navigate(addressOf(server));
    } catch (error) {
      setProblem(problemOf(error));
      setIsSending(false);
    }
  };
  return (
    <form onSubmit={(event) => void submit(event)} noValidate>
      <p className="quiet">
        A ModelServer answers requests with the model of the best epoch. It runs until you delete it.
      </p>
      <div className="field">
        <label htmlFor={id}>Name of the ModelServer</label>
        <input
          id={id}
          value={name}
          autoComplete="off"
          spellCheck={false}
          autoFocus
          aria-invalid={wrong !== ""}
          aria-describedby={`${id}-hint`}
          onChange={(event) => setName(event.target.value)}
        />
        <p id={`${id}-hint`} className={wrong ? "field-error" : "hint"}>
          {wrong || "Small letters, digits and hyphens. It becomes a part of the address."}
        </p>
      </div>
      <div className="field">
        <label htmlFor={`${id}-images`}>It takes</label>
        <select id={`${id}-images`} value={images ?? ""} aria-describedby={`${id}-images-hint`} onChange={(event) => choose(event.target.value)}>
          {INPUTS.map(([value, text]) => (
            <option key={text} value={value ?? ""}>
              {text}
            </option>
          ))}
        </select>
        <p id={`${id}-images-hint`} className="hint">
          By its input, a network takes photographs (colour images), digits (gray images of 28 × 28), or numbers.
        </p>
      </div>
      {problem && <ProblemBox problem={problem} />}
      <div className="buttons end">
        <button type="button" className="button" onClick={onClose}>
          Cancel
        </button>
        <button type="submit" className="button primary" disabled={isSending}>
          {isSending ? "Deploying…" : "Deploy"}
        </button>
      </div>
    </form>
  );
}
