// Where a network begins: an empty one, a template, a draft of this browser, or a stored run.
import { useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { problemOf, request } from "../../../api/client";
import { useIsSignedOut } from "../../../api/session";
import type { Draft, DraftStore } from "../../../modeler/drafts";
import { modelerAddress, runAddress } from "../../../navigation";
import { CodeText } from "../../../parts/CodeText";
import { Dialog } from "../../../parts/Dialog";
import { formatTime } from "../../../parts/format";
import { StateIcon } from "../../../parts/icons";
import { Link } from "../../../parts/Link";
import { ProblemBox } from "../../../parts/ProblemBox";
import { StateBadge } from "../../../parts/StateBadge";
import { useRuns } from "../../../stream/RunsProvider";
import type { Problem, RunSummary, Template, Templates } from "../../../wire";
import { draftKey, runOfDraft } from "../origin";
import { ImportFile } from "./ImportFile";
import "./start.css";

/** Runs that are listed; the search finds the others. */
const MAX_RUNS = 12;

export default function StartPage({ namespace, drafts }: { namespace: string | null; drafts: DraftStore }) {
  return (
    <div className="page modeler-start">
      <div className="page-head">
        <h1>Modeler</h1>
        <p className="quiet">Draw a network, and have it checked while you draw.</p>
      </div>
      <Drafts drafts={drafts} namespace={namespace} />
      <Beginnings namespace={namespace} drafts={drafts} />
      <Runs namespace={namespace} />
    </div>
  );
}

function Beginnings({ namespace, drafts }: { namespace: string | null; drafts: DraftStore }) {
  const [templates, setTemplates] = useState<Template[]>();
  const [problem, setProblem] = useState<Problem>();
  const isSignedOut = useIsSignedOut();
  useEffect(() => {
    if (isSignedOut) return undefined;
    const abort = new AbortController();
    request<Templates>("/api/templates", { signal: abort.signal }).then(
      (found) => setTemplates(found.templates),
      (error: unknown) => {
        // The end of the session aborts, too.
        if (!abort.signal.aborted) setProblem(problemOf(error));
      },
    );
    return () => abort.abort();
  }, [isSignedOut]);
  return (
    <section aria-labelledby="begin">
      <h2 id="begin">New network</h2>
      <ul className="beginnings">
        <li>
          <Link href={modelerAddress({ kind: "blank" }, namespace)} className="beginning beginning-blank">
            <StateIcon shape="plus" />
            <strong>Empty network</strong>
            <span className="quiet">An input, a loss and an optimizer. Add the layers.</span>
          </Link>
        </li>
        <li>
          <ImportFile namespace={namespace} drafts={drafts} />
        </li>
        {templates?.map((template) => (
          <li key={template.name}>
            <Link href={modelerAddress({ kind: "template", name: template.name }, namespace)} className="beginning">
              <strong>{template.title}</strong>
              <span className="quiet">
                <CodeText text={template.description} />
              </span>
            </Link>
          </li>
        ))}
      </ul>
      {problem && <ProblemBox problem={problem} tone="warning" />}
    </section>
  );
}

function Drafts({ drafts, namespace }: { drafts: DraftStore; namespace: string | null }) {
  const [found, setFound] = useState<readonly Draft[]>(() => drafts.list());
  const [asked, setAsked] = useState<Draft>();
  useEffect(() => drafts.subscribe(() => setFound(drafts.list())), [drafts]);
  if (found.length === 0) return null;
  return (
    <section aria-labelledby="drafts">
      <h2 id="drafts">Drafts in this browser</h2>
      <ul className="start-list card">
        {[...found].sort((a, b) => b.saved.localeCompare(a.saved)).map((draft) => {
          const run = runOfDraft(draft);
          return (
            <li key={draftKey(draft)}>
              <Link href={modelerAddress({ kind: "draft", key: draftKey(draft) }, namespace)}>{run?.name ?? draft.name}</Link>
              <span className="quiet small">
                {draft.namespace || "no namespace yet"}, {run ? "changes that are not saved" : "not saved yet"}
              </span>
              <time className="quiet small" dateTime={draft.saved}>
                {formatTime(draft.saved)}
              </time>
              <button
                type="button"
                className="button icon-button"
                aria-label={`Delete the draft ${run?.name ?? draft.name}`}
                title="Delete"
                onClick={() => setAsked(draft)}
              >
                <StateIcon shape="trash" />
              </button>
            </li>
          );
        })}
      </ul>
      {asked && <DeleteDraft draft={asked} drafts={drafts} onClose={() => setAsked(undefined)} />}
    </section>
  );
}

function DeleteDraft({ draft, drafts, onClose }: { draft: Draft; drafts: DraftStore; onClose: () => void }) {
  const run = runOfDraft(draft);
  return (
    <Dialog title={`Delete the draft ${run?.name ?? draft.name}?`} onClose={onClose}>
      <div className="dialog-body">
        <p>{run ? "Its changes are lost. A run that is stored in the cluster stays." : "The network is not saved in the cluster, so it is lost."}</p>
        <div className="buttons end">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button
            type="button"
            className="button danger"
            onClick={() => {
              drafts.remove(draft.namespace, draft.name);
              onClose();
            }}
          >
            Delete
          </button>
        </div>
      </div>
    </Dialog>
  );
}

function Runs({ namespace }: { namespace: string | null }) {
  const { store } = useRuns();
  const all = useSyncExternalStore(store.subscribe, store.list);
  const [filter, setFilter] = useState("");
  const found = useMemo(() => runsFor(all, filter), [all, filter]);
  if (all.length === 0) return null;
  return (
    <section aria-labelledby="stored">
      <div className="section-head">
        <h2 id="stored">Stored runs</h2>
        <input type="search" aria-label="Filter runs by name" placeholder="Filter by name" value={filter} onChange={(event) => setFilter(event.target.value)} />
      </div>
      <ul className="start-list card">
        {found.slice(0, MAX_RUNS).map((run) => (
          <li key={runAddress(run)} className="runs-row">
            <Link href={modelerAddress({ kind: "run", run }, namespace)}>{run.name}</Link>
            <span className="quiet small">{run.namespace}</span>
            <StateBadge state={run.state} />
          </li>
        ))}
        {found.length === 0 && <li className="quiet">No run has this name.</li>}
      </ul>
      {found.length > MAX_RUNS && <p className="hint">The latest {MAX_RUNS} of {found.length} runs.</p>}
    </section>
  );
}

/** Returns the trainings whose names have a text, newest first; trials of an Experiment are changed in its template. */
export function runsFor(runs: readonly RunSummary[], filter: string): RunSummary[] {
  const wanted = filter.trim().toLowerCase();
  return runs
    .filter((run) => run.kind !== "ModelServer" && !run.experiment && run.name.toLowerCase().includes(wanted))
    .sort((a, b) => b.created.localeCompare(a.created));
}
