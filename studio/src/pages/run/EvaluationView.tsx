/** evaluation.json: how well the model answers, and which samples it misreads. */

import { useId, useState } from "react";
import type { Evaluation, NumberEvaluation, OutputEvaluation } from "../../evaluation-report";
import { formatValue } from "../../charts/numbers";
import { formatCount } from "../../parts/format";
import { ClassEvaluationView } from "./ClassEvaluationView";
import { Mistakes } from "./Mistakes";

export interface EvaluationProps {
  evaluation: Evaluation;
  /** Returns the address of a picture of the results, such as mistakes.png. */
  picture: (file: string) => string;
}

export function EvaluationView({ evaluation, picture }: EvaluationProps) {
  const outputs = evaluation.outputs ?? {};
  const names = Object.keys(outputs);
  const [chosen, setChosen] = useState(evaluation.output ?? null);
  const select = useId();
  const output = chosen === null ? undefined : outputs[chosen];
  const file = output ? output.mistakes : "mistakes.png";
  const shown = output ?? evaluation;
  return (
    <div className="evaluation">
      <p>
        {evaluation.model.name} of epoch {evaluation.model.epoch}, evaluated on {formatCount(shown.evaluated)} of{" "}
        {formatCount(evaluation.samples)} samples of the {evaluation.data} set{omittedText(evaluation, shown)}.
      </p>
      {names.length > 1 && (
        <p className="field">
          <label htmlFor={select}>Output</label>{" "}
          <select id={select} value={chosen ?? ""} onChange={(event) => setChosen(event.target.value)}>
            {names.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </p>
      )}
      {shown.classes && <ClassEvaluationView classes={shown.classes} evaluated={shown.evaluated} />}
      {shown.numbers && <NumberFigures numbers={shown.numbers} />}
      <h3>Worst mistakes</h3>
      <Mistakes
        classes={shown.classes ?? null}
        numbers={shown.numbers ?? null}
        picture={file ? picture(file) : null}
      />
    </div>
  );
}

function NumberFigures({ numbers }: { numbers: NumberEvaluation }) {
  const rows: [string, number | null | undefined][] = [
    ["Mean absolute error", numbers.meanAbsoluteError],
    ["Root mean squared error", numbers.rootMeanSquaredError],
    ["Mean of answer minus label", numbers.meanResidual],
    ...numbers.quantiles.map(({ fraction, value }): [string, number] => [
      `${formatValue(fraction * 100)} % quantile of answer minus label`,
      value,
    ]),
  ];
  return (
    <div className="table-wrap">
      <table className="data-table">
        <caption>Errors{numbers.exact ? "" : ". The quantiles are of a random sample"}</caption>
        <thead>
          <tr>
            <th scope="col">Figure</th>
            <th scope="col" className="figure">
              Value
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, value]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td className="figure">{value === null || value === undefined ? "–" : formatValue(value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Returns why samples are missing in the figures, such as "; 3 have no class". */
function omittedText(evaluation: Evaluation, shown: Evaluation | OutputEvaluation): string {
  const reasons = [
    evaluation.skipped > 0 && `${formatCount(evaluation.skipped)} were skipped because the time for this step was over`,
    shown.unlabeled > 0 && `${formatCount(shown.unlabeled)} have no class`,
    shown.notFinite > 0 && `${formatCount(shown.notFinite)} have an answer that is not finite`,
  ].filter((reason) => reason !== false);
  return reasons.length > 0 ? `; ${reasons.join(", ")}` : "";
}
