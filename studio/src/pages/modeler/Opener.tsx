// Loads what the address names, and gives it to the editor. A draft that is newer than a stored run comes first.
import { useEffect, useState } from "react";
import type { Draft, DraftStore } from "../../modeler/drafts";
import { isAbort, problem as makeProblem, problemOf, request, RequestError } from "../../api/client";
import { useIsSignedOut } from "../../api/session";
import { modelerAddress, navigate, withNamespace, type ModelerTarget } from "../../navigation";
import { loadDetail } from "../../parts/actions/requests";
import { Link } from "../../parts/Link";
import { ProblemBox } from "../../parts/ProblemBox";
import type { Problem, RunKey, Session, Templates } from "../../wire";
import { useCatalogue } from "./catalogue";
import { Editor } from "./editor/Editor";
import { BLANK, draftKey, draftOfRun, originOf, parseDraftKey, runOfDraft, withVersion, type Origin } from "./origin";

interface Props {
  open: ModelerTarget;
  namespace: string | null;
  session: Session;
  drafts: DraftStore;
  /** Called with the run that the network has become. */
  onSaved: (run: RunKey) => void;
}

export function Opener({ open, namespace, session, drafts, onSaved }: Props) {
  const [opened, setOpened] = useState<Origin>();
  const [problem, setProblem] = useState<Problem>();
  const [tries, setTries] = useState(0);
  const { catalogue, problem: missing, retry } = useCatalogue();
  const isSignedOut = useIsSignedOut();

  useEffect(() => {
    if (opened || isSignedOut) return undefined;
    const abort = new AbortController();
    load(open, namespace, drafts, abort.signal).then(
      (found) => {
        if (abort.signal.aborted) return;
        // A new network gets an address of its own, so that a reload shows its draft.
        if (open.kind === "blank" || open.kind === "template") {
          navigate(modelerAddress({ kind: "draft", key: draftKey(found.draft) }, namespace), { replace: true });
        } else {
          setOpened(found);
        }
      },
      (error: unknown) => {
        if (!isAbort(error) && !abort.signal.aborted) setProblem(error instanceof Missing ? error.problem : problemOf(error));
      },
    );
    return () => abort.abort();
  }, [open, namespace, drafts, opened, tries, isSignedOut]);

  const failure = problem ?? missing;
  if (failure) {
    return (
      <div className="page">
        <h1>Modeler</h1>
        <div className="dialog-body">
          <ProblemBox problem={failure} />
          <div className="buttons">
            <button
              type="button"
              className="button primary"
              onClick={() => {
                setProblem(undefined);
                setTries((count) => count + 1);
                retry();
              }}
            >
              Try again
            </button>
            <Link href={withNamespace("/modeler", namespace)} className="button">
              Start page of the modeler
            </Link>
          </div>
        </div>
      </div>
    );
  }
  if (!opened || !catalogue) {
    return (
      <p className="page-wait" role="status">
        Opening the network…
      </p>
    );
  }
  return (
    <Editor
      origin={opened}
      namespace={namespace}
      namespaces={session.namespaces}
      drafts={drafts}
      catalogue={catalogue}
      onSaved={onSaved}
      onReopen={() => {
        drafts.remove(opened.draft.namespace, opened.draft.name);
        setOpened(undefined);
      }}
    />
  );
}

class Missing extends Error {
  readonly problem: Problem;

  constructor(message: string, remedy: string) {
    super(message);
    this.problem = makeProblem("NotFound", message, remedy);
  }
}

async function load(open: ModelerTarget, namespace: string | null, drafts: DraftStore, signal: AbortSignal): Promise<Origin> {
  switch (open.kind) {
    case "run": {
      const key = draftOfRun(open.run);
      const draft = drafts.load(key.namespace, key.name);
      const origin = originOf(await loadDetail(open.run, signal));
      return draft ? withDraft(origin, draft) : origin;
    }
    case "draft": {
      const key = parseDraftKey(open.key);
      const draft = key && drafts.load(key.namespace, key.name);
      if (!draft) throw new Missing("This browser has no such draft.", "It may have been saved or deleted. Go to the start page of the modeler.");
      const run = runOfDraft(key);
      return withDraft(run ? await storedOf(run, key, signal) : unsaved(key), draft);
    }
    case "template": {
      const { templates } = await request<Templates>("/api/templates", { signal });
      const template = templates.find(({ name }) => name === open.name);
      if (!template) throw new Missing(`There is no template ${open.name}.`, "Choose another one on the start page of the modeler.");
      return begin(template.name, template.yaml, namespace, drafts);
    }
    case "blank":
      // React runs an effect twice during development: the first run is aborted before it writes a draft.
      await Promise.resolve();
      signal.throwIfAborted();
      return begin("my-network", BLANK, namespace, drafts);
    case "start":
      throw new Missing("The address names no network.", "Go to the start page of the modeler.");
  }
}

/** A draft of a run: it replaces the version that it began with, so that another change since then is a conflict. */
function withDraft(origin: Origin, draft: Draft): Origin {
  return { ...origin, text: draft.text, run: origin.run && withVersion(origin.run, draft) };
}

/** Returns the stored run of a draft; a run that was deleted leaves a network that is not saved. */
async function storedOf(run: NonNullable<Origin["run"]>["key"], draft: Origin["draft"], signal: AbortSignal): Promise<Origin> {
  try {
    return originOf(await loadDetail(run, signal));
  } catch (error) {
    if (error instanceof RequestError && error.status === 404) return unsaved(draft);
    throw error;
  }
}

function unsaved(draft: Origin["draft"], text = ""): Origin {
  return { text, storedText: null, run: undefined, draft };
}

/** Stores a new network as a draft, so that a reload finds it. */
function begin(name: string, text: string, namespace: string | null, drafts: DraftStore): Origin {
  return unsaved(drafts.create(namespace ?? "", name, text), text);
}
