// A row of the list. It is drawn again only if its own run, its place or its selection changes.
import { memo, type ReactNode } from "react";
import { runAddress, withNamespace } from "../../navigation";
import { count, formatAge, formatDuration, formatFigure, formatTime } from "../../parts/format";
import { StateIcon, type Shape } from "../../parts/icons";
import { Link } from "../../parts/Link";
import { Sparkline } from "../../parts/Sparkline";
import { groupOf, lookOf } from "../../parts/state";
import { StateBadge } from "../../parts/StateBadge";
import { useNow } from "../../parts/useNow";
import { useRun } from "../../stream/RunsProvider";
import type { RunSummary } from "../../wire";
import { shownMetric, timeOf, type Item } from "./view";

export type RunItem = Extract<Item, { type: "run" }>;

export interface RowActions {
  onToggle: (id: string) => void;
  onSelect: (id: string) => void;
  onMenu: (id: string, anchor: HTMLElement) => void;
}

interface Props extends RowActions {
  item: RunItem;
  namespace: string;
  isActive: boolean;
  isSelected: boolean;
}

const ICONS: Record<RunSummary["kind"], Shape> = { TrainingJob: "job", Experiment: "experiment", ModelServer: "server" };

/** Whether a run can be compared with others. */
export function isComparable(run: Pick<RunSummary, "kind">): boolean {
  return run.kind === "TrainingJob";
}

export const RunRow = memo(function RunRow({ item, namespace, isActive, isSelected, onToggle, onSelect, onMenu }: Props) {
  const run = useRun(item.id);
  if (!run) return null;
  const tabIndex = isActive ? 0 : -1;
  return (
    <>
      <Cell name="select">
        {isComparable(run) && (
          <label className="select-box">
            <input type="checkbox" tabIndex={tabIndex} checked={isSelected} onChange={() => onSelect(item.id)} aria-label={`Select ${run.name}`} />
          </label>
        )}
        {item.trials > 0 && (
          <button
            type="button"
            className="expand"
            tabIndex={tabIndex}
            aria-expanded={item.isOpen}
            aria-label={`${count(item.trials, "trial")} of ${run.name}`}
            onClick={() => onToggle(item.id)}
          >
            <StateIcon shape="chevron" />
          </button>
        )}
      </Cell>
      <Cell name="name">
        <span className="kind" title={run.kind}>
          <StateIcon shape={ICONS[run.kind]} />
          <span className="visually-hidden">{run.kind}</span>
        </span>
        <span className="names">
          <Link href={withNamespace(runAddress(run), namespace)} tabIndex={tabIndex} className="run-link" title={run.name}>
            {run.name}
          </Link>
          <SubLine run={run} showsNamespace={namespace === "*"} />
        </span>
      </Cell>
      <Cell name="state">
        <StateBadge state={run.state} />
        {run.warnings > 0 && (
          <span className="warnings" title={count(run.warnings, "warning")}>
            <StateIcon shape="warning" />
            {run.warnings}
            <span className="visually-hidden"> {run.warnings === 1 ? "warning" : "warnings"}</span>
          </span>
        )}
      </Cell>
      {run.kind === "ModelServer" ? (
        <Cell name="reason">{run.reason}</Cell>
      ) : (
        <>
          <ProgressCell run={run} />
          <MetricCell run={run} />
          <Cell name="spark">
            <Sparkline values={run.sparkline} />
          </Cell>
          <TimeCell run={run} />
        </>
      )}
      <AgeCell created={run.created} />
      <Cell name="menu">
        <button
          type="button"
          className="button icon-button"
          tabIndex={tabIndex}
          aria-label={`Actions for ${run.name}`}
          onClick={(event) => onMenu(item.id, event.currentTarget)}
        >
          <StateIcon shape="more" />
        </button>
      </Cell>
    </>
  );
});

function Cell({ name, children }: { name: string; children?: ReactNode }) {
  return (
    <div role="gridcell" className={`cell cell-${name}`}>
      {children}
    </div>
  );
}

function SubLine({ run, showsNamespace }: { run: RunSummary; showsNamespace: boolean }) {
  const trials = run.trials ? trialsText(run.trials) : "";
  // The reason of a server has a column of its own.
  const reason = run.kind === "ModelServer" ? "" : run.reason;
  const parts = [showsNamespace ? run.namespace : "", trials, reason].filter(Boolean);
  if (parts.length === 0) return null;
  const text = parts.join(" · ");
  return (
    <span className="sub" title={text}>
      {text}
    </span>
  );
}

/** Returns the progress of an Experiment, such as `3 of 12 trials, 1 failed`. */
export function trialsText(trials: Readonly<Record<string, number>>): string {
  const { complete = 0, failed = 0, total, created = 0 } = trials;
  const all = total ?? created;
  return `${complete} of ${count(all, "trial")}${failed ? `, ${failed} failed` : ""}`;
}

function ProgressCell({ run }: { run: RunSummary }) {
  const hasBegun = run.percent > 0 || run.epoch !== null || groupOf(run) === "running";
  const epochs = run.epoch !== null && run.epochs !== null ? `${run.epoch}/${run.epochs}` : "";
  return (
    <Cell name="progress">
      {hasBegun && (
        <>
          <span className={`progress tone-${lookOf(run.state).tone}`} style={{ "--part": run.percent / 100 } as React.CSSProperties} aria-hidden="true" />
          <span className="figures">
            <span>{run.percent} %</span>
            {epochs && (
              <span className="quiet">
                <span className="visually-hidden">epoch </span>
                {epochs}
              </span>
            )}
          </span>
        </>
      )}
    </Cell>
  );
}

function MetricCell({ run }: { run: RunSummary }) {
  const metric = shownMetric(run);
  const all = run.metrics.map(({ name, value }) => `${name} ${formatFigure(value)}`).join("\n");
  return (
    <Cell name="metric">
      {metric && (
        <span className="metric" title={all || undefined}>
          <span>{formatFigure(metric.value)}</span>
          <span className="metric-name">{metric.name}</span>
        </span>
      )}
    </Cell>
  );
}

function TimeCell({ run }: { run: RunSummary }) {
  const now = useNow(10_000);
  const time = timeOf(run, now);
  const isEnded = run.completionTime !== null;
  const left = time === 0 ? "soon" : `${formatDuration(time ?? 0)} left`;
  return (
    <Cell name="time">
      {time !== null && (
        <span title={isEnded ? "Duration" : `Ends about ${formatTime(run.estimatedCompletionTime ?? "")}`}>
          {isEnded ? formatDuration(time) : left}
        </span>
      )}
    </Cell>
  );
}

function AgeCell({ created }: { created: string }) {
  const now = useNow(10_000);
  return (
    <Cell name="age">
      <time dateTime={created} title={formatTime(created)}>
        {formatAge(created, now)}
      </time>
    </Cell>
  );
}
