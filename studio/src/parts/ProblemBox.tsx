// An error for users: its cause, and what they can do.
import type { Problem } from "../wire";
import { StateIcon } from "./icons";

interface Props {
  problem: Problem;
  /** Warnings are for parts that are missing while the page works. */
  tone?: "error" | "warning";
}

export function ProblemBox({ problem, tone = "error" }: Props) {
  return (
    <div className={`problem ${tone}`} role={tone === "error" ? "alert" : "note"}>
      <StateIcon shape={tone === "error" ? "cross" : "warning"} />
      <div>
        <p>{problem.message}</p>
        {problem.remedy && <p className="remedy">{problem.remedy}</p>}
      </div>
    </div>
  );
}
