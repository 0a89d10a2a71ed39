/** The ended runs with a model, each with a button that deploys it. */

import { useState } from "react";
import { keyText } from "../../api/paths";
import { ALL } from "../../namespaces";
import { modelAddress, withNamespace } from "../../navigation";
import { formatAge, formatFigure, formatTime } from "../../parts/format";
import { StateIcon } from "../../parts/icons";
import { Pager } from "../../parts/Pager";
import { useNow } from "../../parts/useNow";
import type { RunSummary } from "../../wire";
import { DeployButton } from "../run/DeployButton";
import { RunLink } from "../run/RunLink";
import type { ModelListProps } from "./ServerCards";

/** Rows of a page of the table. */
const ROWS = 20;

export function DeployableTable({ models, namespace }: ModelListProps & { models: readonly RunSummary[] }) {
  const [page, setPage] = useState(0);
  const shown = Math.min(page, Math.ceil(models.length / ROWS) - 1);
  return (
    <div className="card deployable">
      <div className="table-wrap" tabIndex={0} role="group" aria-label="Models to deploy">
        <table className="data-table">
          <caption className="visually-hidden">Ended runs with a model</caption>
          <thead>
            <tr>
              <th scope="col">Run</th>
              {namespace === ALL && <th scope="col">Namespace</th>}
              <th scope="col">Best value</th>
              <th scope="col">Ended</th>
              <td />
            </tr>
          </thead>
          <tbody>
            {models.slice(shown * ROWS, (shown + 1) * ROWS).map((run) => (
              <Row key={keyText(run)} run={run} namespace={namespace} />
            ))}
          </tbody>
        </table>
      </div>
      <Pager label="the models" unit="Models" page={shown} size={ROWS} total={models.length} onPage={setPage} />
    </div>
  );
}

function Row({ run, namespace }: ModelListProps & { run: RunSummary }) {
  const now = useNow(60_000);
  const ended = run.completionTime ?? run.created;
  return (
    <tr>
      <th scope="row">
        <span className="model-run">
          <span className="kind" title={run.kind}>
            <StateIcon shape={run.kind === "Experiment" ? "experiment" : "job"} />
            <span className="visually-hidden">{run.kind}</span>
          </span>
          <span>
            <RunLink run={run} />
            {run.experiment && <span className="sub">a trial of {run.experiment}</span>}
          </span>
        </span>
      </th>
      {namespace === ALL && <td>{run.namespace}</td>}
      <td>
        {run.best ? (
          <>
            {formatFigure(run.best.value)} <span className="quiet">{run.best.name}</span>
          </>
        ) : (
          "–"
        )}
      </td>
      <td className="nowrap">
        <span className="narrow-only">Ended </span>
        <time dateTime={ended} title={formatTime(ended)}>
          {formatAge(ended, now)}
        </time>
      </td>
      <td className="deploy-cell">
        <DeployButton
          run={run}
          isPrimary={false}
          addressOf={(server) => withNamespace(modelAddress(server), namespace)}
        />
      </td>
    </tr>
  );
}
