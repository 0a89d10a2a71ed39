// Imports a file of another tool as a draft, and says what is not in it.
import { useEffect, useRef, useState } from "react";
import { isAbort, problem, problemOf, request } from "../../../api/client";
import type { DraftStore } from "../../../modeler/drafts";
import { ALL } from "../../../namespaces";
import { modelerAddress, navigate } from "../../../navigation";
import { Dialog } from "../../../parts/Dialog";
import { StateIcon } from "../../../parts/icons";
import { Link } from "../../../parts/Link";
import { ProblemBox } from "../../../parts/ProblemBox";
import { MAX_IMPORT, type Imported, type Problem } from "../../../wire";
import { draftKey } from "../origin";

/** Milliseconds for the conversion, and for each byte of the file. Studio ends a slow upload (below 512 KiB a second) before this time. */
const TIMEOUT = 180_000;
const TIMEOUT_OF_BYTE = 1 / 64;
const ACCEPT = ".nnd,.json,.keras,.yaml,.yml,.h5,.py,.ipynb";

interface Props {
  /** That of the page: `*` for all. */
  namespace: string | null;
  drafts: DraftStore;
}

type State =
  | { name: "idle" }
  | { name: "busy"; file: string; abort: AbortController }
  | { name: "failed"; file: string; problem: Problem }
  | { name: "imported"; file: string; found: Imported; address: string };

export function ImportFile({ namespace, drafts }: Props) {
  const input = useRef<HTMLInputElement>(null);
  const [state, setState] = useState<State>({ name: "idle" });
  const close = () => setState({ name: "idle" });
  const running = state.name === "busy" ? state.abort : undefined;
  // A user who has left the page does not expect another one later.
  useEffect(() => () => running?.abort(), [running]);

  async function open(file: File): Promise<void> {
    if (file.size > MAX_IMPORT) {
      setState({ name: "failed", file: file.name, problem: tooLarge(file.size) });
      return;
    }
    const abort = new AbortController();
    setState({ name: "busy", file: file.name, abort });
    try {
      const found = await request<Imported>(`/api/import?${new URLSearchParams({ name: file.name })}`, {
        method: "POST",
        content: { type: "application/octet-stream", data: file },
        signal: abort.signal,
        timeout: TIMEOUT + file.size * TIMEOUT_OF_BYTE,
      });
      if (abort.signal.aborted) return;
      const draft = drafts.create(namespace === ALL ? "" : (namespace ?? ""), stem(file.name), found.yaml);
      const address = modelerAddress({ kind: "draft", key: draftKey(draft) }, namespace);
      if (isComplete(found)) navigate(address);
      else setState({ name: "imported", file: file.name, found, address });
    } catch (error) {
      if (!isAbort(error)) setState({ name: "failed", file: file.name, problem: problemOf(error) });
    }
  }

  return (
    <>
      <button type="button" className="beginning beginning-blank" onClick={() => input.current?.click()}>
        <StateIcon shape="paste" />
        <strong>Import a file</strong>
        <span className="quiet">A flow (.nnd), a Keras model (.keras or JSON), an Experiment of Katib, or a manifest.</span>
      </button>
      <input
        ref={input}
        type="file"
        accept={ACCEPT}
        className="visually-hidden"
        tabIndex={-1}
        aria-label="File to import"
        onChange={(event) => {
          const file = event.target.files?.[0];
          event.target.value = "";
          if (file) void open(file);
        }}
      />
      {state.name === "busy" && (
        <Dialog title={`Importing ${state.file}`} onClose={close}>
          <div className="dialog-body">
            <p role="status">Studio reads the file…</p>
            <div className="buttons end">
              <button type="button" className="button" onClick={close}>
                Cancel
              </button>
            </div>
          </div>
        </Dialog>
      )}
      {state.name === "failed" && (
        <Dialog title={`${state.file} is not imported`} onClose={close}>
          <div className="dialog-body">
            <ProblemBox problem={state.problem} />
            <div className="buttons end">
              <button type="button" className="button primary" onClick={close}>
                Back
              </button>
            </div>
          </div>
        </Dialog>
      )}
      {state.name === "imported" && (
        <Dialog title={`${state.file} is imported`} onClose={close} isWide>
          <div className="dialog-body">
            <Lost found={state.found} />
            <div className="buttons end">
              <Link href={state.address} className="button primary">
                Open the network
              </Link>
            </div>
          </div>
        </Dialog>
      )}
    </>
  );
}

/** The details that the user has to add, or that are lost. */
function Lost({ found }: { found: Imported }) {
  return (
    <>
      {found.hasWeights && (
        <p>
          The network comes without the weights of the file. To begin with them, upload them to a bucket and name them in{" "}
          <code>network.weights</code>: <code>epochal import FILE -o NAME.yaml --upload s3://BUCKET/</code> does both.
        </p>
      )}
      <List title="Not in the file, so fill it in before you start" items={found.placeholders} />
      <List title="Lost, because Epochal has nothing like it" items={found.warnings} />
    </>
  );
}

function List({ title, items }: { title: string; items: readonly string[] }) {
  if (items.length === 0) return null;
  return (
    <section className="lost">
      <h3>{title}</h3>
      <ul>
        {items.map((item, index) => (
          <li key={index}>{item}</li>
        ))}
      </ul>
    </section>
  );
}

function isComplete({ warnings, placeholders, hasWeights }: Imported): boolean {
  return warnings.length === 0 && placeholders.length === 0 && !hasWeights;
}

function tooLarge(size: number): Problem {
  return problem(
    "TooLarge",
    `A file to import has at most ${MAX_IMPORT / 2 ** 20} MiB, found ${Math.ceil(size / 2 ** 20)} MiB.`,
    "The network needs no weights: import the JSON of model.to_json(). With the weights, use the command: epochal import FILE -o NAME.yaml",
  );
}

/** Returns the name of a file without its ending. */
function stem(name: string): string {
  return name.replace(/(?<=.)\.[^.]*$/u, "");
}
