/** Runs side by side: the table of the runs first, then figures, differing fields and the curves of chosen runs. */

import { memo, useCallback, useMemo, useState } from "react";
import { keyText } from "../../api/paths";
import { compareAddress, navigate } from "../../navigation";
import { Link } from "../../parts/Link";
import { useTitle } from "../../parts/useTitle";
import { type ComparedRun, type Comparison, MAX_RUNS_COMPARED, type RunKey } from "../../wire";
import { Loaded } from "../run/Loaded";
import { ProblemNote } from "../run/ProblemNote";
import { useResource } from "../run/useResource";
import { useThrottled } from "../run/useThrottled";
import { ComparedRuns } from "./ComparedRuns";
import { DrawnCurves } from "./DrawnCurves";
import { ParallelView } from "./ParallelView";
import { PropertyTable } from "./PropertyTable";
import { firstDrawn, toggled } from "./selection";
import { useStaged } from "./useStaged";
import { useStates } from "./useStates";
import "../run/run.css";

/** The cards of a comparison. */
const CARDS = 5;
/** Minimum time between two comparisons, in milliseconds: each reads all runs. */
const PERIOD = 5000;

export default function ComparePage({ runs }: { runs: readonly RunKey[] }) {
  useTitle("Compare");
  const keys = runs.filter((run) => run.kind !== "ModelServer");
  return (
    <div className="page compare-page">
      <div className="page-head">
        <h1>Compare {keys.length === 1 ? "1 run" : `${keys.length} runs`}</h1>
      </div>
      {keys.length === 0 && (
        <p className="hint">
          No runs are chosen. Choose runs in <Link href="/">the list of runs</Link>, and then Compare.
        </p>
      )}
      {keys.length > MAX_RUNS_COMPARED && (
        <ProblemNote
          title="Too many runs."
          problem={{
            reason: "TooManyRuns",
            message: `The address names ${keys.length} runs, and a comparison has at most ${MAX_RUNS_COMPARED}.`,
            remedy: "Choose fewer runs in the list.",
          }}
        />
      )}
      {keys.length > 0 && keys.length <= MAX_RUNS_COMPARED && <Compared key={keys.map(keyText).join()} runs={keys} />}
    </div>
  );
}

function Compared({ runs }: { runs: readonly RunKey[] }) {
  const version = useThrottled(useStates(runs), PERIOD);
  const query = new URLSearchParams(runs.map((run) => ["run", keyText(run)]));
  const comparison = useResource<Comparison>(`/api/compare?${query}`, version);
  const remove = useCallback(
    (run: RunKey) => {
      const rest = runs.filter((each) => keyText(each) !== keyText(run));
      navigate(compareAddress(rest, new URLSearchParams(window.location.search).get("namespace")), { replace: true });
    },
    [runs],
  );
  return (
    <>
      <Loaded resource={comparison} name="the comparison">
        {(data) => <Tables comparison={data} onRemove={remove} />}
      </Loaded>
      {comparison.data === undefined && comparison.problem && <Removable runs={runs} onRemove={remove} />}
    </>
  );
}

function Tables({ comparison, onRemove }: { comparison: Comparison; onRemove: (run: RunKey) => void }) {
  const { runs, fields, figures } = comparison;
  const [drawn, setDrawn] = useState(() => firstDrawn(drawable(runs).map((run) => keyText(run.key))));
  const toggle = useCallback((id: string) => setDrawn((before) => toggled(before, id)), []);
  const cards = useStaged(CARDS);
  const label = useMemo(() => labels(runs), [runs]);
  const shown = useMemo(
    () =>
      [...drawn].flatMap(([id, style]) => {
        const run = runs.find((each) => keyText(each.key) === id);
        return run ? [{ run: run.key, label: label(run), style }] : [];
      }),
    [drawn, runs, label],
  );
  return (
    <>
      <section className="card" aria-labelledby="runs">
        <h2 id="runs">Runs</h2>
        <ComparedRuns
          runs={runs}
          label={label}
          drawn={drawn}
          onToggle={toggle}
          onRemove={onRemove}
        />
      </section>
      {cards >= 2 && (
        <section className="card" aria-labelledby="figures">
          <h2 id="figures">Figures</h2>
          {figures.length > 0 ? (
            <PropertyTable
              caption="Figures of the results"
              runs={runs}
              names={figures}
              value={figureOf}
              label={label}
              isDecisive={isDecisive}
            />
          ) : (
            <p className="hint">No run has figures yet.</p>
          )}
        </section>
      )}
      {cards >= 3 && (
        <section className="card" aria-labelledby="fields">
          <h2 id="fields">Differing fields</h2>
          {fields.length > 0 ? (
            <PropertyTable
              caption="Differing fields of the specs"
              runs={runs}
              names={fields}
              value={fieldOf}
              label={label}
            />
          ) : (
            <p className="hint">
              {runs.length > 1 ? "The specs are the same." : "A comparison needs at least two runs."}
            </p>
          )}
          {(comparison.omittedFields ?? 0) > 0 && <p className="hint">{comparison.omittedFields} more fields differ.</p>}
          {runs.some((run) => run.isCut) && (
            <p className="hint">Some specs have more fields than are compared. Read them with kubectl.</p>
          )}
        </section>
      )}
      {cards >= 4 && runs.length > 1 && <ParallelSection comparison={comparison} label={label} />}
      {cards >= 5 && (
        <section className="card" aria-labelledby="curves">
          <h2 id="curves">Curves</h2>
          <DrawnCurves runs={shown} />
        </section>
      )}
    </>
  );
}

function figureOf(run: ComparedRun, name: string): string | null | undefined {
  return run.figures[name];
}

function fieldOf(run: ComparedRun, name: string): string | null | undefined {
  return run.fields[name];
}

/** Returns whether a figure decides which run is the best. */
function isDecisive(figure: string): boolean {
  return figure.startsWith("best ") && figure !== "best epoch";
}

interface ParallelSectionProps {
  comparison: Comparison;
  label: (run: ComparedRun) => string;
}

/** Not drawn again when a run is chosen for the curves. */
const ParallelSection = memo(function ParallelSection({ comparison, label }: ParallelSectionProps) {
  const { names, rows } = useMemo(() => {
    const { runs, fields, figures } = comparison;
    const results = figures.filter(isDecisive);
    const found = runs.map((run) => ({
      id: keyText(run.key),
      label: label(run),
      cells: [...fields.map((name) => run.fields[name]), ...results.map((name) => run.figures[name])],
      isBest: run.isBest,
    }));
    return { names: [...fields, ...results], rows: found };
  }, [comparison, label]);
  return (
    <section className="card" aria-labelledby="parallel">
      <h2 id="parallel">Fields and results</h2>
      <ParallelView names={names} rows={rows} />
    </section>
  );
});

/** The runs of a comparison that failed, so that a deleted run can be left out. */
function Removable({ runs, onRemove }: { runs: readonly RunKey[]; onRemove: (run: RunKey) => void }) {
  return (
    <ul className="removable">
      {runs.map((run) => (
        <li key={keyText(run)}>
          {keyText(run)}{" "}
          <button type="button" className="link-button" onClick={() => onRemove(run)} aria-label={`Remove ${run.name}`}>
            Remove
          </button>
        </li>
      ))}
    </ul>
  );
}

/** Returns the runs that have curves: an Experiment has those of its trials, on its own page. */
function drawable(runs: readonly ComparedRun[]): ComparedRun[] {
  return runs.filter((run) => run.key.kind === "TrainingJob");
}

/** Returns the function that names a run, with its namespace only if they differ. */
function labels(runs: readonly ComparedRun[]): (run: ComparedRun) => string {
  const namespaces = new Set(runs.map((run) => run.key.namespace));
  return ({ key }) => (namespaces.size > 1 ? `${key.namespace}/${key.name}` : key.name);
}
