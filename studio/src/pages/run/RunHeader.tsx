/** The head of a run's page: name, state, cause and remedy, progress, actions. */

import { useState } from "react";
import { keyText } from "../../api/paths";
import { modelAddress, modelerAddress, useQuery, withNamespace } from "../../navigation";
import { StateIcon } from "../../parts/icons";
import { RunActions } from "../../parts/actions/RunActions";
import { formatDuration } from "../../parts/format";
import { Link } from "../../parts/Link";
import { StateBadge } from "../../parts/StateBadge";
import { useNow } from "../../parts/useNow";
import type { RunDetail, RunKey } from "../../wire";
import { DeployButton } from "./DeployButton";
import { textField } from "./objectFields";
import { RunLink } from "./RunLink";
import { causeOf, hasEnded } from "./states";

const MINUTE = 60_000;

export interface RunHeaderProps {
  detail: RunDetail;
  isDeleted: boolean;
  /** Called after the run was deleted here. */
  onDeleted: () => void;
}

export function RunHeader({ detail, isDeleted, onDeleted }: RunHeaderProps) {
  const { summary, permissions } = detail;
  const state = isDeleted ? "Deleted" : summary.state;
  const cause = causeOf(detail);
  const namespace = useQuery("namespace");
  return (
    <header className="run-header">
      <div className="page-head">
        <h1>{summary.name}</h1>
        <StateBadge state={state} />
        <div className="buttons run-actions">
          {!isDeleted && summary.kind === "ModelServer" && <TryLink server={summary} />}
          {!isDeleted && isDraft(detail) && (
            <>
              <Link href={modelerAddress({ kind: "run", run: summary }, namespace)} className="button">
                Edit in the modeler
              </Link>
              <Link href={`/new?${new URLSearchParams({ run: keyText(summary) })}`} className="button">
                Edit and start
              </Link>
            </>
          )}
          {!isDeleted && permissions.includes("deploy") && summary.hasModel && <DeployButton run={summary} />}
          {!isDeleted && <ActionsButton run={summary} onDeleted={onDeleted} />}
        </div>
      </div>
      <p className="quiet small">
        {summary.kind} in {summary.namespace}
        {summary.experiment && (
          <>
            {", a trial of "}
            <RunLink run={{ kind: "Experiment", namespace: summary.namespace, name: summary.experiment }} />
          </>
        )}
      </p>
      {cause && (
        <div className={`problem ${cause.isFailure ? "error" : "warning"}`}>
          <StateIcon shape={cause.isFailure ? "cross" : "warning"} />
          <div>
            <p>{cause.reason}</p>
            <p>{cause.message}</p>
          </div>
        </div>
      )}
      {summary.kind !== "ModelServer" && !hasEnded(summary.state) && <ProgressLine detail={detail} />}
    </header>
  );
}

/** Leads to the page that tries the model of a server. */
function TryLink({ server }: { server: RunKey }) {
  const namespace = useQuery("namespace");
  return (
    <Link href={withNamespace(modelAddress(server), namespace)} className="button primary">
      Try the model
    </Link>
  );
}

/** Whether a run is saved for later: the user may still change all of it. */
function isDraft({ summary, permissions, object }: RunDetail): boolean {
  if (summary.kind === "ModelServer" || summary.state !== "Suspended" || summary.experiment) return false;
  return textField(object, "status.startTime") === null && permissions.includes("resume");
}

/** The menu with the actions that the user may take. */
function ActionsButton({ run, onDeleted }: { run: RunKey; onDeleted: () => void }) {
  const [anchor, setAnchor] = useState<HTMLElement | null>(null);
  return (
    <>
      <button
        type="button"
        className="button"
        aria-haspopup="true"
        aria-expanded={anchor !== null}
        onClick={(event) => setAnchor(anchor ? null : event.currentTarget)}
      >
        Actions
      </button>
      {anchor && <RunActions run={run} anchor={anchor} onClose={() => setAnchor(null)} onDeleted={onDeleted} />}
    </>
  );
}

function ProgressLine({ detail: { summary } }: { detail: RunDetail }) {
  const now = useNow(MINUTE);
  const end = summary.estimatedCompletionTime === null ? Number.NaN : Date.parse(summary.estimatedCompletionTime);
  const left = Number.isFinite(end) && end > now ? `about ${formatDuration(coarse(end - now))} left` : "";
  const count = summary.epochs === null ? "" : `epoch ${summary.epoch ?? 0} of ${summary.epochs}`;
  return (
    <div className="run-progress">
      <div
        className="progress"
        role="progressbar"
        aria-label="Progress"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={summary.percent}
        style={{ "--part": summary.percent / 100 } as React.CSSProperties}
      />
      <p className="small quiet">{[`${summary.percent} %`, count, left].filter(Boolean).join(", ")}</p>
    </div>
  );
}

/** Returns a time without seconds above two minutes: an estimate is not that exact. */
function coarse(time: number): number {
  return time < 2 * MINUTE ? time : Math.round(time / MINUTE) * MINUTE;
}
