// A step of the page: its state, a summary, its problems, and its fields behind a button.
import { useId, useState, type ReactNode } from "react";
import { count } from "../../parts/format";
import { StateIcon, type Shape } from "../../parts/icons";
import type { DocumentProblem } from "../../wire";
import type { Step, StepState } from "./problems";

interface Props {
  step: Step;
  number: number;
  title: string;
  state: StepState;
  /** The choices of the step in a few words. */
  summary: string;
  problems: readonly DocumentProblem[];
  isOpenAtFirst: boolean;
  children: ReactNode;
}

const STATES: Record<StepState, { text: string; tone: string; shape: Shape }> = {
  done: { text: "Ready", tone: "ok", shape: "check" },
  open: { text: "To do", tone: "waiting", shape: "ring" },
  problem: { text: "Problem", tone: "failed", shape: "cross" },
  optional: { text: "Optional", tone: "neutral", shape: "dots" },
};

export function StepCard({ step, number, title, state, summary, problems, isOpenAtFirst, children }: Props) {
  const id = useId();
  const [isOpen, setOpen] = useState(isOpenAtFirst);
  const { text, tone, shape } = STATES[state];
  const errors = problems.filter((each) => !each.isWarning).length;
  return (
    <section id={`step-${step}`} className="card step" aria-labelledby={`${id}-title`}>
      <h2>
        <button type="button" className="step-head" aria-expanded={isOpen} aria-controls={`${id}-body`} onClick={() => setOpen(!isOpen)}>
          <span className="step-number" aria-hidden="true">
            {number}
          </span>
          <span className="step-title">
            <span id={`${id}-title`}>{title}</span>
            {!isOpen && summary && <span className="step-summary">{summary}</span>}
          </span>
          <span className={`badge tone-${tone}`}>
            <StateIcon shape={shape} />
            {state === "problem" && errors > 1 ? count(errors, "problem") : text}
          </span>
          <StateIcon shape="chevron" />
        </button>
      </h2>
      <div id={`${id}-body`} className="step-body" hidden={!isOpen}>
        {isOpen && children}
        {isOpen && problems.length > 0 && <ProblemList problems={problems} isQuiet={state === "open" || state === "optional"} />}
      </div>
    </section>
  );
}

const MAX_SHOWN = 20;

/** Problems with their fields. `isQuiet` shows those of a step that the user has not begun. */
export function ProblemList({ problems, isQuiet = false }: { problems: readonly DocumentProblem[]; isQuiet?: boolean }) {
  return (
    <ul className={`problem-list${isQuiet ? " is-quiet" : ""}`}>
      {problems.slice(0, MAX_SHOWN).map((each, index) => (
        <li key={index} className={each.isWarning ? "is-warning" : undefined}>
          <StateIcon shape={each.isWarning ? "warning" : isQuiet ? "ring" : "cross"} />
          <span>
            {each.path && <code>{each.path}</code>}
            {each.line != null && <span className="quiet">line {each.line} </span>}
            {each.message}
          </span>
        </li>
      ))}
      {problems.length > MAX_SHOWN && <li className="quiet">And {problems.length - MAX_SHOWN} more.</li>}
    </ul>
  );
}
