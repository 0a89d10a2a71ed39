// The page New run: from a template, a blank draft, or a stored run, to a training.
import { useEffect, useRef, useState } from "react";
import { isAbort, problem, problemOf, request, RequestError } from "../../api/client";
import { keyText } from "../../api/paths";
import { useIsSignedOut } from "../../api/session";
import { NamespaceInput } from "../../Header";
import { ALL } from "../../namespaces";
import { navigate, withNamespace } from "../../navigation";
import { loadDetail } from "../../parts/actions/requests";
import { ProblemBox } from "../../parts/ProblemBox";
import { useTitle } from "../../parts/useTitle";
import type { Problem, RunKey, Session, Template, Templates } from "../../wire";
import { blank } from "./document";
import { draftKey, loadDraft, type Draft } from "./draft";
import { NewRun } from "./NewRun";
import { hasBegun, storedDraft } from "./storedDraft";
import { UploadsContext, useUploads } from "./useUploads";
import "../run/run.css";
import "./new-run.css";

interface Props {
  namespace: string | null;
  session: Session;
  /** A stored run to go on with. */
  run: RunKey | null;
  /** The name of a template to begin with. */
  template: string | null;
}

export default function NewRunPage({ namespace, session, run, template }: Props) {
  useTitle("New run");
  const place = run ? run.namespace : namespace;
  const uploads = useUploads();
  /** The address of the same draft after it was saved: its open steps and the focus stay. */
  const renamed = useRef<{ from: string; to: string }>(undefined);
  const address = run ? keyText(run) : "new";
  const key = renamed.current?.to === address ? renamed.current.from : address;
  const onRenamed = (saved: RunKey) => {
    renamed.current = { from: key, to: keyText(saved) };
    navigate(`/new?${new URLSearchParams({ run: keyText(saved) })}`, { replace: true });
  };
  return (
    <UploadsContext value={uploads}>
      <div className="page new-run-page">
        <div className="page-head">
          <h1>New run</h1>
        </div>
        {place && place !== ALL ? (
          <Opened key={key} namespace={place} session={session} run={run} template={template} onRenamed={onRenamed} />
        ) : (
          <NamespaceQuestion session={session} template={template} />
        )}
      </div>
    </UploadsContext>
  );
}

interface Found {
  draft: Draft;
  template: Template | null;
  /** Why the draft is not the run or the template of the address. */
  note: Problem | null;
}

function Opened({ namespace, session, run, template, onRenamed }: Props & { namespace: string; onRenamed: (run: RunKey) => void }) {
  const [found, setFound] = useState<Found>();
  const [refusal, setRefusal] = useState<Problem>();
  const [tries, setTries] = useState(0);
  const isSignedOut = useIsSignedOut();
  const storageKey = draftKey(session.user, run);
  // The page begins once: what it shows later is the user's.
  const [first] = useState({ namespace, run, template, storageKey });
  const isOpen = found !== undefined;

  useEffect(() => {
    if (isOpen || isSignedOut) return undefined;
    const abort = new AbortController();
    open(first, abort.signal).then(setFound, (error: unknown) => {
      if (isAbort(error) || (error instanceof RequestError && error.isSignedOut)) return;
      setRefusal(problemOf(error));
    });
    return () => abort.abort();
  }, [isOpen, isSignedOut, tries, first]);

  if (found) {
    return (
      <>
        {found.note && storageKey === first.storageKey && <ProblemBox tone="warning" problem={found.note} />}
        <NewRun first={found.draft} storageKey={storageKey} namespace={namespace} session={session} template={found.template} onRenamed={onRenamed} />
      </>
    );
  }
  if (refusal) {
    return (
      <div className="part-problem">
        <ProblemBox problem={refusal} />
        <button
          type="button"
          className="button"
          onClick={() => {
            setRefusal(undefined);
            setTries(tries + 1);
          }}
        >
          Try again
        </button>
      </div>
    );
  }
  return (
    <p className="page-wait" role="status">
      Loading the run…
    </p>
  );
}

interface Start {
  namespace: string;
  run: RunKey | null;
  template: string | null;
  storageKey: string;
}

async function open({ namespace, run, template, storageKey }: Start, signal: AbortSignal): Promise<Found> {
  const kept = loadDraft(storageKey);
  if (run) {
    const detail = await loadDetail(run, signal);
    const draft = storedDraft(detail, kept);
    const isCopy = hasBegun(detail) && !draft.stored;
    return { draft, template: null, note: isCopy ? problem("HasBegun", `${run.name} has begun, so its spec is fixed.`, "Save or start the draft: it becomes a new run.") : null };
  }
  const found = template ? (await request<Templates>("/api/templates", { signal })).templates.find(({ name }) => name === template) : undefined;
  const draft = kept ?? { text: blank(namespace), isEdited: false, stored: null, earlierSearch: null };
  return { draft, template: found ?? null, note: template && !found ? problem("NotFound", `There is no template ${template}.`, "Choose another one in the step Network.") : null };
}

function NamespaceQuestion({ session, template }: Pick<Props, "session" | "template">) {
  const address = (name: string) => `${withNamespace("/new", name)}${template ? `&${new URLSearchParams({ template })}` : ""}`;
  return (
    <div className="card">
      <h2>Which namespace?</h2>
      <p className="quiet">A run belongs to one namespace, as does the Secret of its storage.</p>
      {session.namespaces ? (
        <ul className="choices">
          {session.namespaces.map((name) => (
            <li key={name}>
              <button type="button" className="button" onClick={() => navigate(address(name))}>
                {name}
              </button>
            </li>
          ))}
        </ul>
      ) : (
        <NamespaceInput namespace={null} route={{ page: "new-run", run: null, template }} />
      )}
    </div>
  );
}
