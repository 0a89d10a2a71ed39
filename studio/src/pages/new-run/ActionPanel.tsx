// The panel beside the steps: problems of all steps, the actions, and the YAML.
import { keyText } from "../../api/paths";
import { count } from "../../parts/format";
import { StateIcon } from "../../parts/icons";
import { CopyableCommand } from "../../parts/CopyableCommand";
import { Link } from "../../parts/Link";
import { ProblemBox } from "../../parts/ProblemBox";
import type { CheckState } from "../../parts/useCheck";
import { YamlView } from "../run/YamlView";
import type { DocumentProblem } from "../../wire";
import type { View } from "./document";
import { useForm } from "./form";
import { byStep, overallState, STEPS, stepState, TITLES, type Step } from "./problems";
import { LABELS, type SaveAction } from "./saving";
import { ProblemList } from "./StepCard";
import type { Saving } from "./useSaving";
import { useUploadsOfPage } from "./useUploads";
import type { Stored } from "./draft";

interface Props {
  check: CheckState;
  /** Problems of the document itself. */
  problems: readonly DocumentProblem[];
  saving: Saving;
  stored: Stored | null;
}

export function ActionPanel({ check, problems, saving, stored }: Props) {
  const { view, text, namespace } = useForm();
  const { refusal, accepted } = saving;
  const { running } = useUploadsOfPage();
  const file = `${view.name || "run"}.yaml`;
  return (
    <aside className="panel" aria-label="Check and start">
      <div className="card panel-actions">
        <CheckStatus check={check} view={view} />
        {problems.length > 0 && <ProblemList problems={problems} />}
        <ProblemSteps view={view} problems={check.checked?.problems ?? []} />
        {check.problem && (
          <>
            <ProblemBox problem={check.problem} tone="warning" />
            <button type="button" className="button" onClick={check.retry}>
              Check the run again
            </button>
          </>
        )}
        <div className="panel-buttons">
          <ActionButton action="start" waiting="Starting…" saving={saving} stored={stored} isPrimary isHeld={running > 0} />
          <ActionButton action="check" waiting="Checking…" saving={saving} stored={stored} />
          <ActionButton action="save" waiting="Saving…" saving={saving} stored={stored} />
        </div>
        <div role="status">
          {running > 0 && <p className="hint">You can start the run after {count(running, "file")} of the step Data {running === 1 ? "is" : "are"} stored, or after you cancel the upload.</p>}
        </div>
        {refusal && <ProblemBox problem={refusal} />}
        <div role="status">{accepted && <Accepted accepted={accepted} text={text} />}</div>
      </div>
      <div className="card panel-yaml">
        <div className="panel-head">
          <h2>YAML</h2>
          {stored && (
            <Link href={`/modeler?${new URLSearchParams({ run: keyText(stored.key) })}`} className="button">
              Edit in the modeler
            </Link>
          )}
        </div>
        {!stored && <p className="hint">Save the run suspended to edit its network in the modeler.</p>}
        <YamlView yaml={text} file={file} />
        <details>
          <summary>Apply it with kubectl</summary>
          <CopyableCommand command={`kubectl apply --namespace ${namespace} --filename ${file}`} />
          <p className="hint">A suspended run starts after spec.suspend is false.</p>
        </details>
      </div>
    </aside>
  );
}

interface ActionButtonProps {
  action: SaveAction;
  /** Its text while the answer is awaited. */
  waiting: string;
  saving: Saving;
  stored: Stored | null;
  isPrimary?: boolean;
  /** Whether it has to wait for the uploads: the run would read the files before they are complete. */
  isHeld?: boolean;
}

/** A button that keeps the focus while the answer is awaited: a disabled one would lose it. */
function ActionButton({ action, waiting, saving: { busy, run }, stored, isPrimary = false, isHeld = false }: ActionButtonProps) {
  return (
    <button
      type="button"
      className={isPrimary ? "button primary wide" : "button"}
      aria-disabled={busy !== null || isHeld}
      onClick={() => {
        if (busy === null && !isHeld) void run(action, stored);
      }}
    >
      {busy === action ? waiting : LABELS[action]}
    </button>
  );
}

/** The steps with problems: a button leads to each. */
function ProblemSteps({ view, problems }: { view: View; problems: readonly DocumentProblem[] }) {
  const found = byStep(problems);
  const steps = STEPS.filter((step) => stepState(step, view, found[step]) === "problem");
  if (steps.length === 0) return null;
  return (
    <ul className="problem-steps" aria-label="Steps with problems">
      {steps.map((step) => (
        <li key={step}>
          <button type="button" className="link-button" onClick={() => showStep(step)}>
            {TITLES[step]}
          </button>
          <span className="quiet">: {found[step].find((each) => !each.isWarning)?.message}</span>
        </li>
      ))}
    </ul>
  );
}

/** Opens a step, and gives the focus to its head. */
function showStep(step: Step): void {
  const head = document.querySelector<HTMLButtonElement>(`#step-${step} .step-head`);
  if (head?.getAttribute("aria-expanded") === "false") head.click();
  head?.focus({ preventScroll: true });
  head?.scrollIntoView({ block: "start" });
}


function CheckStatus({ check, view }: { check: CheckState; view: View }) {
  const errors = check.checked?.problems.filter((each) => !each.isWarning).length ?? 0;
  const warnings = (check.checked?.problems.length ?? 0) - errors;
  // The last answer stays while the next one is on its way, so that the panel does not flicker.
  const isFirst = check.checked === undefined;
  const state = isFirst ? "open" : overallState(view, check.checked?.problems ?? []);
  const found = { done: "No problems found", open: "Some steps are to do", problem: count(errors, "problem") }[state];
  const tone = { done: "ok", open: "waiting", problem: "failed" }[state];
  const shape = ({ done: "check", open: "ring", problem: "cross" } as const)[state];
  return (
    <p className={`check-status is-${tone}`} role="status">
      <StateIcon shape={isFirst ? "dots" : shape} />
      <span>
        {isFirst ? (check.problem ? "The run is not checked" : "Checking…") : found}
        {warnings > 0 && <span className="quiet">, {count(warnings, "warning")}</span>}
      </span>
    </p>
  );
}

function Accepted({ accepted, text }: { accepted: NonNullable<Saving["accepted"]>; text: string }) {
  const { warnings } = accepted.saved;
  return (
    <div className="accepted">
      <p>
        <StateIcon shape="check" />
        <span>
          The cluster accepts {accepted.text === text ? "this run" : "the run before your last change"}. Nothing is stored.
        </span>
      </p>
      {warnings.length > 0 && (
        <ul className="problem-list">
          {warnings.map((each, index) => (
            <li key={index} className="is-warning">
              <StateIcon shape="warning" />
              <span>{each}</span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
