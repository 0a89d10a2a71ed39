/** An Experiment: its best trial, and the plots of its report. */

import type { RunDetail } from "../../wire";
import { ResultPicture } from "./ResultPicture";
import { RunLink } from "./RunLink";
import { pictureAddress } from "./addresses";
import { field, numberField, textField } from "./objectFields";
import { useThrottled } from "./useThrottled";

const PICTURES = [
  { file: "objective.png", title: "Values of the trials", text: "The values of all trials, and the best one so far" },
  { file: "importance.png", title: "Importance", text: "The share of the differences that each parameter explains" },
  { file: "rungs.png", title: "Rungs", text: "Learning curves of the trials by rung" },
  { file: "parallel.png", title: "Parameters", text: "Parameters and values of all trials, side by side" },
] as const;

export interface ExperimentOverviewProps {
  detail: RunDetail;
  version: string;
}

/** Minimum time between two requests for the plots, in milliseconds. */
const PERIOD = 10_000;

export function ExperimentOverview({ detail, version }: ExperimentOverviewProps) {
  const shown = useThrottled(version, PERIOD);
  const { summary, object } = detail;
  return (
    <>
      <section className="card" aria-labelledby="best">
        <h2 id="best">Best trial</h2>
        <BestTrial detail={detail} />
      </section>
      <section className="card" aria-labelledby="report">
        <h2 id="report">Report</h2>
        <Importance object={object} />
        <div className="pictures">
          {PICTURES.map(({ file, title, text }) => (
            <div key={file}>
              <h3>{title}</h3>
              <ResultPicture
                address={pictureAddress(summary, file, shown)}
                text={`${text}. The section Trials has the figures.`}
                absent={`${file} is not stored yet, or you may not read the bucket. The operator stores it after each better trial.`}
              />
            </div>
          ))}
        </div>
      </section>
    </>
  );
}

function BestTrial({ detail: { summary, object } }: { detail: RunDetail }) {
  const job = textField(object, "status.best.jobName");
  const value = textField(object, "status.best.value");
  if (job === null || value === null) return <p className="hint">No trial has a value yet.</p>;
  const parameters = field(object, "status.best.parameters");
  return (
    <dl className="details">
      <div>
        <dt>Trial {numberField(object, "status.best.trial") ?? ""}</dt>
        <dd>
          <RunLink run={{ kind: "TrainingJob", namespace: summary.namespace, name: job }} />
        </dd>
      </div>
      <div>
        <dt>{textField(object, "spec.objective.metric") ?? "Value"}</dt>
        <dd>{value}</dd>
      </div>
      {Object.entries(typeof parameters === "object" && parameters !== null ? parameters : {}).map(([name, found]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{String(found)}</dd>
        </div>
      ))}
    </dl>
  );
}

/** The importance as a table with bars: the accessible form of importance.png. */
function Importance({ object }: { object: unknown }) {
  const found = field(object, "status.importance");
  const rows = Object.entries(typeof found === "object" && found !== null ? found : {})
    .map(([name, share]) => ({ name, share: Number(share) }))
    .filter(({ share }) => Number.isFinite(share))
    .sort((a, b) => b.share - a.share);
  if (rows.length === 0) return null;
  return (
    <div className="table-wrap">
      <table className="importance">
        <caption>Importance of the parameters</caption>
        <thead>
          <tr>
            <th scope="col">Parameter</th>
            <th scope="col" className="figure">
              Share
            </th>
            <td aria-hidden="true" />
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, share }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td className="figure">{(share * 100).toFixed(1)} %</td>
              <td className="importance-bar">
                <div className="progress" aria-hidden="true" style={{ "--part": share } as React.CSSProperties} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
