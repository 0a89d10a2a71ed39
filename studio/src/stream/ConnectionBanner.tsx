// Tells of a lost connection, and of kinds that the user may not watch.
import { useNow } from "../parts/useNow";
import { ProblemBox } from "../parts/ProblemBox";
import { useRuns, useStreamStatus } from "./RunsProvider";

export function ConnectionBanner() {
  const status = useStreamStatus();
  const { stream } = useRuns();
  if (status.status === "live" && status.connection.problem) {
    return (
      <div className="banner" role="region" aria-label="Connection">
        <ProblemBox problem={status.connection.problem} tone="warning" />
      </div>
    );
  }
  if (status.status !== "lost") return null;
  return (
    <div className="banner" role="region" aria-label="Connection">
      <ProblemBox problem={status.problem} tone="warning" />
      <p className="quiet">
        The page shows its last state. <Countdown until={status.retryAt} />
      </p>
      <button type="button" className="button" onClick={() => stream?.start()}>
        Connect now
      </button>
    </div>
  );
}

function Countdown({ until }: { until: number }) {
  const seconds = Math.ceil((until - useNow(1000)) / 1000);
  return <span aria-hidden="true">{seconds > 0 ? `Next try in ${seconds} s.` : "Connecting…"}</span>;
}
