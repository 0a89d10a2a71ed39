/** The live curves of a training. */

import { useMemo, useRef } from "react";
import { runPath } from "../../api/paths";
import { CurvesView } from "../../charts/CurvesView";
import { defaultMetrics } from "../../charts/panels";
import type { History, RunKey } from "../../wire";
import { Loaded } from "./Loaded";
import { ProblemNote } from "./ProblemNote";
import { hasSamePoints, historyPanels } from "./historyPanels";
import { useResource } from "./useResource";

/** Points of a curve: more than the pixels of most screens. */
const POINTS = 2000;

export interface CurvesSectionProps {
  run: RunKey;
  /** Changes with the run. */
  version: string;
  /** Metric that decides the best epoch. */
  monitored: string | null;
}

export function CurvesSection({ run, version, monitored }: CurvesSectionProps) {
  const history = useResource<History>(`${runPath(run)}/history?points=${POINTS}`, version);
  return (
    <section aria-labelledby="curves" className="card">
      <h2 id="curves">Curves</h2>
      <Loaded resource={history} name="the curves">
        {(data) => <Curves history={data} monitored={monitored} />}
      </Loaded>
    </section>
  );
}

function Curves({ history: received, monitored }: { history: History; monitored: string | null }) {
  // The same object for the same points: most versions of a run have no new epoch, and draw nothing.
  const last = useRef(received);
  if (!hasSamePoints(last.current, received)) last.current = received;
  const history = last.current;
  const panels = useMemo(() => historyPanels(history), [history]);
  const metrics = panels.map((panel) => panel.metric);
  return (
    <>
      {history.problem && <ProblemNote title={problemTitle(history)} problem={history.problem} />}
      {history.omittedMetrics > 0 && (
        <p className="hint">{history.omittedMetrics} more metrics are in history.csv alone.</p>
      )}
      {panels.length === 0 ? (
        !history.problem && (
          <p className="hint">No epoch is finished yet. The first point appears after the first epoch.</p>
        )
      ) : (
        <CurvesView panels={panels} defaults={defaultMetrics(metrics, monitored)} />
      )}
      {history.isThinned && (
        <p className="hint">
          The curves have the lowest and the highest value of each part of the {history.epochs} epochs. history.csv has
          all values.
        </p>
      )}
    </>
  );
}

function problemTitle(history: History): string {
  return history.source === "status"
    ? "The curves have the last epoch alone, because the bucket cannot be read."
    : "The curves cannot be read from the bucket.";
}
