// Exports the network as code that runs without Epochal.
import { useEffect, useId, useState, type FormEvent } from "react";
import { isAbort, problemOf, request } from "../../../api/client";
import { Dialog } from "../../../parts/Dialog";
import { ProblemBox } from "../../../parts/ProblemBox";
import type { Exported, ExportRequest, Problem } from "../../../wire";

type Target = ExportRequest["target"];

/** The type of the back end demands each of its targets here. */
const TARGETS: Readonly<Record<Target, { label: string; hasSimple: boolean }>> = {
  keras: { label: "Keras, as a script", hasSimple: true },
  notebook: { label: "Keras, as a Jupyter notebook with curves", hasSimple: true },
  torch: { label: "PyTorch, with a training loop", hasSimple: false },
  caffe: { label: "Caffe, the network alone", hasSimple: false },
};

interface Props {
  /** The document as it is now. */
  text: () => string;
  onClose: () => void;
}

export default function ExportDialog({ text, onClose }: Props) {
  const id = useId();
  const [target, setTarget] = useState<Target>("keras");
  const [isSimple, setSimple] = useState(false);
  const [running, setRunning] = useState<AbortController>();
  const [problem, setProblem] = useState<Problem>();
  const [files, setFiles] = useState<Exported["files"]>([]);
  const hasSimple = TARGETS[target].hasSimple;
  useEffect(() => () => running?.abort(), [running]);

  function choose(chosen: Target): void {
    setTarget(chosen);
    setFiles([]);
    setProblem(undefined);
  }

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    const abort = new AbortController();
    setRunning(abort);
    setProblem(undefined);
    setFiles([]);
    const body: ExportRequest = { yaml: text(), target, simple: hasSimple && isSimple };
    try {
      setFiles((await request<Exported>("/api/export", { method: "POST", body, signal: abort.signal })).files);
    } catch (error) {
      if (!isAbort(error)) setProblem(problemOf(error));
    } finally {
      setRunning(undefined);
    }
  }

  return (
    <Dialog title="Export the network" onClose={onClose}>
      <form className="export-form" onSubmit={(event) => void submit(event)}>
        <p>Code of the same network that runs without Epochal.</p>
        <fieldset className="export-targets">
          <legend>For</legend>
          {(Object.keys(TARGETS) as Target[]).map((each) => (
            <label key={each}>
              <input type="radio" name={id} checked={target === each} onChange={() => choose(each)} />
              {TARGETS[each].label}
            </label>
          ))}
        </fieldset>
        {hasSimple && (
          <label>
            <input type="checkbox" checked={isSimple} onChange={(event) => setSimple(event.target.checked)} />
            Let Keras shuffle the samples: shorter code, other final weights
          </label>
        )}
        {problem && <ProblemBox problem={problem} />}
        <div role="status">{files.length > 0 && <Files files={files} />}</div>
        <div className="buttons end">
          <button type="button" className="button" onClick={onClose}>
            Close
          </button>
          <button type="submit" className="button primary" disabled={running !== undefined}>
            {running ? "Exporting…" : "Export"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function Files({ files }: Exported) {
  return (
    <ul aria-label="Exported files" className="exported">
      {files.map(({ name, text }) => (
        <li key={name}>
          <Download name={name} text={text} />
        </li>
      ))}
    </ul>
  );
}

function Download({ name, text }: Exported["files"][number]) {
  const [address, setAddress] = useState("");
  useEffect(() => {
    const created = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    setAddress(created);
    return () => URL.revokeObjectURL(created);
  }, [text]);
  return (
    <a href={address} download={name}>
      Download {name}
    </a>
  );
}
