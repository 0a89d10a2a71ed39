/** A ModelServer: its state, address and model, as its status has them. */

import type { RunDetail } from "../../wire";
import { RunLink } from "./RunLink";
import { formatTime } from "../../parts/format";
import { listField, numberField, textField } from "./objectFields";

export function ServerView({ detail }: { detail: RunDetail }) {
  const { object, summary } = detail;
  const url = textField(object, "status.url");
  const job = textField(object, "status.model.trainingJobName");
  const experiment = textField(object, "status.model.experimentName");
  const ready = numberField(object, "status.readyReplicas") ?? 0;
  const replicas = numberField(object, "status.replicas") ?? 0;
  const rolledOut = textField(object, "status.model.rolledOutTime");
  const previous = textField(object, "status.previous.uri");
  return (
    <>
      <dl className="details">
        <Row name="Address in the cluster" isWide>
          {url ? <code>{url}</code> : "It has no address yet."}
        </Row>
        <Row name="Ready pods">
          {ready} of {replicas}
        </Row>
        <Row name="Model" isWide>
          {textField(object, "status.model.uri") ?? "It has no model yet."}
        </Row>
        {job && (
          <Row name="Trained by">
            <RunLink run={{ kind: "TrainingJob", namespace: summary.namespace, name: job }} />
          </Row>
        )}
        {experiment && (
          <Row name="Found by">
            <RunLink run={{ kind: "Experiment", namespace: summary.namespace, name: experiment }} />
          </Row>
        )}
        <Row name="Runtime">{textField(object, "status.model.runtime") ?? "–"}</Row>
        <Row name="Digest" isWide>
          {textField(object, "status.model.sha256") ?? "–"}
        </Row>
        {rolledOut && (
          <Row name="Served by all pods since" isWide>
            {formatTime(rolledOut)}
          </Row>
        )}
        {previous && (
          <Row name="Previous model" isWide>
            {previous}
          </Row>
        )}
      </dl>
      <Tensors object={object} />
    </>
  );
}

interface RowProps {
  name: string;
  children: React.ReactNode;
  /** Whether it has a row of its own. */
  isWide?: boolean;
}

function Row({ name, children, isWide = false }: RowProps) {
  return (
    <div className={isWide ? "is-wide" : undefined}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Tensors({ object }: { object: unknown }) {
  const rows = (["inputs", "outputs"] as const).flatMap((side) =>
    listField(object, `status.model.${side}`).map((tensor) => ({
      side: side === "inputs" ? "input" : "output",
      name: textField(tensor, "name") ?? "–",
      dtype: textField(tensor, "dtype") ?? "–",
      shape: Array.isArray(tensor.shape)
        ? tensor.shape.map((size) => (size === -1 ? "any" : String(size))).join(" × ")
        : "",
    })),
  );
  if (rows.length === 0) return <p className="hint">Inputs and outputs are known once a pod has loaded the model.</p>;
  return (
    <div className="table-wrap">
      <table className="data-table">
        <caption>Inputs and outputs</caption>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Side</th>
            <th scope="col">Shape of a sample</th>
            <th scope="col">Type</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={`${row.side} ${row.name}`}>
              <th scope="row">{row.name}</th>
              <td>{row.side}</td>
              <td>{row.shape || "a number"}</td>
              <td>{row.dtype}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
