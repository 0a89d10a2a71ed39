/** An error of a part of the page: what is missing, its cause and its remedy. */

import { ProblemBox } from "../../parts/ProblemBox";
import type { Problem } from "../../wire";

export interface ProblemNoteProps {
  /** What is missing, such as `The log cannot be shown.` */
  title: string;
  problem: Problem;
  onRetry?: () => void;
}

export function ProblemNote({ title, problem, onRetry }: ProblemNoteProps) {
  return (
    <div className="part-problem">
      <ProblemBox problem={{ ...problem, message: `${title} ${problem.message}` }} tone="warning" />
      {onRetry && (
        <button type="button" className="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}
