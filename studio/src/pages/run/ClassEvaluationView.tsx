/** The evaluation of a model that answers classes: confusion matrix, figures of each class, worst mistakes. */

import type { ClassEvaluation } from "../../evaluation-report";
import { formatCount } from "../../parts/format";
import { className, heat, percentage } from "./confusion";

export interface ClassEvaluationProps {
  classes: ClassEvaluation;
  evaluated: number;
}

export function ClassEvaluationView({ classes, evaluated }: ClassEvaluationProps) {
  const names = new Map(classes.byClass.flatMap((each) => (each.name ? [[each.index, each.name] as const] : [])));
  return (
    <>
      <dl className="figures">
        <div>
          <dt>Accuracy</dt>
          <dd>{percentage(classes.accuracy)}</dd>
        </div>
        <div>
          <dt>Correct</dt>
          <dd>
            {formatCount(classes.correct)} of {formatCount(evaluated)}
          </dd>
        </div>
        {classes.calibration && (
          <div>
            <dt>Calibration error</dt>
            <dd>{percentage(classes.calibration.error)}</dd>
          </div>
        )}
      </dl>
      {classes.confusion ? (
        <ConfusionMatrix matrix={classes.confusion} names={names} />
      ) : (
        <ConfusedPairs classes={classes} names={names} />
      )}
      <ClassTable classes={classes} />
    </>
  );
}

type Names = ReadonlyMap<number, string>;

function ConfusionMatrix({ matrix, names }: { matrix: readonly (readonly number[])[]; names: Names }) {
  const heats = heat(matrix);
  return (
    <div>
      <h3>Confusion matrix</h3>
      <p className="hint">
        A row for each label, a column for each answer of the model. The colour is the share of the row.
      </p>
      <div className="table-wrap" tabIndex={0} role="group" aria-label="Confusion matrix">
        <table className="confusion">
          <caption className="visually-hidden">Confusion matrix</caption>
          <thead>
            <tr>
              <th scope="col">Label</th>
              {matrix.map((_, index) => (
                <th scope="col" key={index}>
                  {className(index, names)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {matrix.map((row, label) => (
              <tr key={label}>
                <th scope="row">{className(label, names)}</th>
                {row.map((count, answer) => (
                  <td
                    key={answer}
                    className={`heat-${heats[label]?.[answer] ?? 0} ${label === answer ? "is-correct" : "is-mistake"}`}
                  >
                    {formatCount(count)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

function ConfusedPairs({ classes, names }: { classes: ClassEvaluation; names: Names }) {
  return (
    <div className="table-wrap" tabIndex={0} role="group" aria-label="Confused classes">
      <table className="data-table">
        <caption>Most frequent mistakes. {formatCount(classes.count)} classes are too many for a confusion matrix.</caption>
        <thead>
          <tr>
            <th scope="col">Label</th>
            <th scope="col">Answer</th>
            <th scope="col" className="figure">
              Samples
            </th>
          </tr>
        </thead>
        <tbody>
          {classes.confused.map((pair) => (
            <tr key={`${pair.label} ${pair.answer}`}>
              <th scope="row">{className(pair.label, names)}</th>
              <td>{className(pair.answer, names)}</td>
              <td className="figure">{formatCount(pair.samples)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Classes of the table before the user asks for all. */
const FIRST_CLASSES = 20;

function ClassTable({ classes }: { classes: ClassEvaluation }) {
  const rows = classes.byClass;
  const table = (
    <div className="table-wrap" tabIndex={0} role="group" aria-label="Figures of each class">
      <table className="data-table">
        <caption>
          Figures of each class
          {rows.length < classes.count && `: the ${formatCount(rows.length)} of ${formatCount(classes.count)} with the most mistakes`}
        </caption>
        <thead>
          <tr>
            <th scope="col">Class</th>
            {["Samples", "Correct", "Answers", "Precision", "Recall"].map((name) => (
              <th scope="col" className="figure" key={name}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((each) => (
            <tr key={each.index}>
              <th scope="row">{each.name ?? each.index}</th>
              <td className="figure">{formatCount(each.samples)}</td>
              <td className="figure">{formatCount(each.correct)}</td>
              <td className="figure">{formatCount(each.answers)}</td>
              <td className="figure">{percentage(each.precision)}</td>
              <td className="figure">{percentage(each.recall)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
  if (rows.length <= FIRST_CLASSES) return table;
  return (
    <details>
      <summary>Figures of {formatCount(rows.length)} classes</summary>
      {table}
    </details>
  );
}
