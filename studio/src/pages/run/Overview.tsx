/** The first section of a run: figures, timeline, warnings and curves; for an Experiment its best trial and plots. */

import { StateIcon } from "../../parts/icons";
import { useNow } from "../../parts/useNow";
import type { RunDetail } from "../../wire";
import { CurvesSection } from "./CurvesSection";
import { ExperimentOverview } from "./ExperimentOverview";
import { Figures } from "./Figures";
import { ServerView } from "./ServerView";
import { Timeline } from "./Timeline";
import { experimentFigures, trainingFigures } from "./runFigures";
import { textField, warnings } from "./objectFields";
import { hasEnded } from "./states";

const SECOND = 1000;
/** Interval of the clock of an ended run, which shows no running time. */
const IDLE = 3_600_000;

export interface OverviewProps {
  detail: RunDetail;
  version: string;
}

export function Overview({ detail, version }: OverviewProps) {
  const { summary, object, timeline } = detail;
  const { kind } = summary;
  return (
    <div className="overview">
      <Warnings object={object} />
      {kind === "TrainingJob" && (
        <CurvesSection run={summary} version={version} monitored={textField(object, "status.best.metric")} />
      )}
      {kind === "Experiment" && <ExperimentOverview detail={detail} version={version} />}
      {kind === "ModelServer" && (
        <section className="card" aria-labelledby="server">
          <h2 id="server">Server</h2>
          <ServerView detail={detail} />
        </section>
      )}
      <div className="overview-columns">
        {kind !== "ModelServer" && (
          <section className="card" aria-labelledby="figures">
            <h2 id="figures">Figures</h2>
            <Figures figures={kind === "Experiment" ? experimentFigures(detail) : trainingFigures(detail)} />
          </section>
        )}
        {kind !== "ModelServer" && (
          <section className="card" aria-labelledby="timeline">
            <h2 id="timeline">Timeline</h2>
            <LiveTimeline phases={timeline} isRunning={!hasEnded(summary.state)} />
          </section>
        )}
      </div>
    </div>
  );
}

/** The timeline with a clock of its own, so that nothing else is drawn each second. */
function LiveTimeline({ phases, isRunning }: { phases: RunDetail["timeline"]; isRunning: boolean }) {
  return <Timeline phases={phases} now={useNow(isRunning ? SECOND : IDLE)} />;
}

function Warnings({ object }: { object: unknown }) {
  const found = warnings(object);
  if (found.length === 0) return null;
  return (
    <section aria-label="Warnings" className="warnings">
      {found.map((warning) => (
        <div className="problem warning" key={warning.reason}>
          <StateIcon shape="warning" />
          <div>
            <p>{warning.reason}</p>
            <p>{warning.message}</p>
          </div>
        </div>
      ))}
    </section>
  );
}
