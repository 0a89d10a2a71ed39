// The preview of a data file: arrays, classes, first samples, or the first rows of a table.
import { useEffect, useRef, type CSSProperties } from "react";
import { StateIcon } from "../../parts/icons";
import { ProblemBox } from "../../parts/ProblemBox";
import { count } from "../../parts/format";
import { readableBytes } from "../run/sizes";
import type { ArrayPreview, Preview, SamplePicture } from "../../wire";
import { classBars, rgbaOf } from "./pictures";

export function PreviewView({ preview }: { preview: Preview }) {
  const { format, arrays, samples, columns, rows, problem } = preview;
  return (
    <div className="preview">
      <p className="preview-head">
        <code>{preview.key}</code>
        <span className="quiet">
          {readableBytes(preview.size)}
          {format !== "unknown" && `, ${format}`}
        </span>
      </p>
      {problem && <ProblemBox problem={problem} tone="warning" />}
      {arrays.length > 0 && <Arrays arrays={arrays} />}
      {samples.length > 0 && <Samples samples={samples} />}
      {arrays.map((each) => (each.classes ? <Classes key={each.name} name={each.name} classes={each.classes} /> : null))}
      {columns.length > 0 && <Rows columns={columns} rows={rows} />}
    </div>
  );
}

function Arrays({ arrays }: { arrays: readonly ArrayPreview[] }) {
  const isNamed = arrays.some(({ name }) => name !== "");
  return (
    <div className="table-wrap" tabIndex={0} role="group" aria-label="Arrays of the file">
      <table>
        <thead>
          <tr>
            {isNamed && <th scope="col">Array</th>}
            <th scope="col">Shape</th>
            <th scope="col">Type</th>
            <th scope="col">First values</th>
          </tr>
        </thead>
        <tbody>
          {arrays.map((each) => (
            <tr key={each.name}>
              {isNamed && (
                <th scope="row">
                  <code>{each.name}</code>
                </th>
              )}
              <td className="nowrap">{each.shape.map((size) => size.toLocaleString()).join(" × ") || "one value"}</td>
              <td>
                <code>{each.dtype}</code>
              </td>
              <td className="preview-values">{each.problem ? <span className="quiet">{each.problem}</span> : each.values.join(", ")}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Samples({ samples }: { samples: readonly SamplePicture[] }) {
  return (
    <div>
      <h3 className="preview-title">First samples</h3>
      <ul className="samples">
        {samples.map((sample, index) => (
          <li key={index}>
            <Sample sample={sample} number={index + 1} />
          </li>
        ))}
      </ul>
    </div>
  );
}

function Sample({ sample, number }: { sample: SamplePicture; number: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { width, height, label } = sample;
  useEffect(() => {
    const pixels = rgbaOf(sample);
    const context = canvas.current?.getContext("2d");
    if (pixels && context) context.putImageData(new ImageData(pixels, width, height), 0, 0);
  }, [sample, width, height]);
  return (
    <figure className="sample">
      <canvas ref={canvas} width={width} height={height} role="img" aria-label={`Sample ${number}${label === null ? "" : `, label ${label}`}`} />
      {label !== null && <figcaption title={String(label)}>{label}</figcaption>}
    </figure>
  );
}

function Classes({ name, classes }: { name: string; classes: Readonly<Record<string, number>> }) {
  const bars = classBars(classes);
  return (
    <div>
      <h3 className="preview-title">
        {count(bars.length, "class").replace(/classs$/u, "classes")}
        {name && (
          <>
            {" "}
            in <code>{name}</code>
          </>
        )}
      </h3>
      <ul className="class-bars" tabIndex={0} aria-label={`Samples of each class${name ? ` in ${name}` : ""}`}>
        {bars.map((each) => (
          <li key={each.name}>
            <span className="class-name">{each.name}</span>
            <span className="progress" style={{ "--part": each.part } as CSSProperties} aria-hidden="true" />
            <span className="class-count">{each.count.toLocaleString()}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

function Rows({ columns, rows }: Pick<Preview, "columns" | "rows">) {
  return (
    <div className="table-wrap" tabIndex={0} role="group" aria-label="First rows of the table">
      <table>
        <thead>
          <tr>
            {columns.map((each, index) => (
              <th key={index} scope="col">
                {each}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>
              {row.map((each, column) => (
                <td key={column}>{each}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The sentence for a table: trainings read arrays. */
export function TableNote() {
  return (
    <p className="note">
      <StateIcon shape="warning" />
      <span>
        A training reads npz and idx files. <code>epochal init TABLE.csv</code> makes an npz file and a TrainingJob of a table.
      </span>
    </p>
  );
}
