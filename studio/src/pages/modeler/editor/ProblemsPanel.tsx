// The problems of the document under the canvas. A click leads to the layer, or to the line of the YAML.
import { useId, useState } from "react";
import type { PlacedProblem } from "../../../modeler/check";
import type { Graph } from "../../../modeler/graph/types";
import { count, formatCount } from "../../../parts/format";
import { StateIcon } from "../../../parts/icons";
import { ProblemBox } from "../../../parts/ProblemBox";
import type { CheckState } from "../../../parts/useCheck";

interface Props {
  problems: readonly PlacedProblem[];
  check: CheckState;
  graph: Graph;
  /** Whether the text is no document, so that the canvas shows an older one. */
  isBroken: boolean;
  onShow: (index: number) => void;
}

export function ProblemsPanel({ problems, check, graph, isBroken, onShow }: Props) {
  const id = useId();
  const [isOpen, setOpen] = useState(true);
  const errors = problems.filter((each) => !each.isWarning).length;
  const notice = check.problem ?? check.checked?.problem;
  return (
    <section className={`problems-panel${isOpen && problems.length > 0 ? " is-open" : ""}`} aria-label="Problems">
      <div className="problems-head">
        <button type="button" className="problems-toggle" aria-expanded={isOpen} aria-controls={id} onClick={() => setOpen(!isOpen)} disabled={problems.length === 0}>
          <StateIcon shape={errors > 0 ? "cross" : problems.length > 0 ? "warning" : "check"} />
          <span role="status" className={errors > 0 ? "tone-text-failed" : "tone-text-ok"}>
            {headText(problems, check)}
          </span>
        </button>
        <span className="hint problems-figures">{figures(check, graph)}</span>
        {isBroken && <span className="problems-stale">The canvas shows the last version that could be read.</span>}
      </div>
      {isOpen && (
        <ul id={id} className="problems-list">
          {problems.map((problem, index) => (
            <li key={`${problem.path}-${index}`}>
              <button type="button" className={problem.isWarning ? "is-warning" : ""} onClick={() => onShow(index)}>
                <StateIcon shape={problem.isWarning ? "warning" : "cross"} />
                <span className="problem-place">{placeText(problem, graph)}</span>
                <span>{problem.message}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
      {notice && (
        <div className="problems-notice">
          <ProblemBox problem={notice} tone="warning" />
          <button type="button" className="button" onClick={check.retry}>
            Check again
          </button>
        </div>
      )}
    </section>
  );
}

function headText(problems: readonly PlacedProblem[], { checked, isChecking }: CheckState): string {
  if (problems.length > 0) return count(problems.length, "problem");
  if (!checked) return isChecking ? "Checking…" : "Not checked yet";
  return "No problems";
}

function figures({ checked, isChecking }: CheckState, graph: Graph): string {
  const layers = count(graph.layerIds.length, "layer");
  const parameters = typeof checked?.parameters === "number" ? `, ${formatCount(checked.parameters)} parameters` : "";
  const built = checked && !checked.isBuilt && graph.source === "network" ? ", shapes unknown" : "";
  return `${layers}${parameters}${built}${isChecking && checked ? " · checking…" : ""}`;
}

function placeText({ line, node: id, path }: PlacedProblem, graph: Graph): string {
  if (typeof line === "number") return `Line ${line}`;
  const node = graph.byId.get(id ?? "");
  return node?.kind === "layer" ? (node.name ?? `${node.className} ${node.index + 1}`) : path || "Document";
}
