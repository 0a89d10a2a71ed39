/** The worst samples of an evaluation, with the picture of them that the trainer has drawn. */

import type { ClassEvaluation, NumberEvaluation, Place } from "../../evaluation-report";
import { formatValue } from "../../charts/numbers";
import { className, percentage } from "./confusion";
import { ResultPicture } from "./ResultPicture";

export interface MistakesProps {
  classes: ClassEvaluation | null;
  numbers: NumberEvaluation | null;
  /** Address of the picture; null if the trainer has drawn none. */
  picture: string | null;
}

export function Mistakes({ classes, numbers, picture }: MistakesProps) {
  const isEmpty = (classes?.mistakes.length ?? 0) + (numbers?.worst.length ?? 0) === 0;
  if (isEmpty) return <p className="hint">The model has made no mistake.</p>;
  return (
    <>
      <ResultPicture
        address={picture}
        text="Images of the worst samples with label and answer; the table below lists them"
        absent="There is no picture: the samples are no images, or the trainer had too little time or memory to draw them."
      />
      {classes && <p className="hint">The label itself is often wrong.</p>}
      {classes && <ClassMistakes classes={classes} />}
      {numbers && <WorstSamples numbers={numbers} />}
    </>
  );
}

function ClassMistakes({ classes }: { classes: ClassEvaluation }) {
  const names = new Map(classes.byClass.flatMap((each) => (each.name ? [[each.index, each.name] as const] : [])));
  return (
    <div className="table-wrap" tabIndex={0} role="group" aria-label="Worst mistakes">
      <table className="data-table">
        <caption className="visually-hidden">Worst mistakes</caption>
        <thead>
          <tr>
            <th scope="col">Sample</th>
            <th scope="col">Label</th>
            <th scope="col">Answer</th>
            <th scope="col" className="figure">
              Probability
            </th>
            <th scope="col" className="figure">
              Of the label
            </th>
          </tr>
        </thead>
        <tbody>
          {classes.mistakes.map((each) => (
            <tr key={placeText(each.place)}>
              <th scope="row">{placeText(each.place)}</th>
              <td>{className(each.label, names)}</td>
              <td>{className(each.answer, names)}</td>
              <td className="figure">{percentage(each.probability)}</td>
              <td className="figure">{percentage(each.labelProbability)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function WorstSamples({ numbers }: { numbers: NumberEvaluation }) {
  return (
    <div className="table-wrap" tabIndex={0} role="group" aria-label="Samples with the largest errors">
      <table className="data-table">
        <caption className="visually-hidden">Samples with the largest errors</caption>
        <thead>
          <tr>
            <th scope="col">Sample</th>
            <th scope="col" className="figure">
              Label
            </th>
            <th scope="col" className="figure">
              Answer
            </th>
            <th scope="col" className="figure">
              Error
            </th>
          </tr>
        </thead>
        <tbody>
          {numbers.worst.map((each) => (
            <tr key={placeText(each.place)}>
              <th scope="row">{placeText(each.place)}</th>
              <td className="figure">{each.label.map(formatValue).join(", ")}</td>
              <td className="figure">{each.answer.map(formatValue).join(", ")}</td>
              <td className="figure">{formatValue(each.error)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function placeText(place: Place): string {
  return `${place.source}, row ${place.row}`;
}
