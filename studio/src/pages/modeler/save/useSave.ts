// The steps of saving: suspend, send, and the decisions that a refusal asks for.
import { useEffect, useRef, useState } from "react";
import { isAbort, problem as makeProblem, problemOf, RequestError } from "../../../api/client";
import type { Draft, DraftStore } from "../../../modeler/drafts";
import { readYaml } from "../../../modeler/document/parse";
import { setField } from "../../../modeler/edits/fields";
import type { Edit } from "../../../modeler/edits/edit";
import { getIn, setIn, type JsonObject } from "../../../modeler/json";
import type { ModelerSession } from "../../../modeler/session";
import { added } from "../../../parts/actions/added";
import { epochalNames } from "../../../parts/actions/epochalNames";
import { copyName, loadDetail, storedVersion } from "../../../parts/actions/requests";
import { seenMetadata } from "../../../parts/actions/seenMetadata";
import type { Problem, RunKey, Saved } from "../../../wire";
import type { PendingTexts } from "../form/pending";
import { draftOfRun, originOf, withVersion, type Origin, type StoredRun } from "../origin";
import { saveDocument, saveRequest, type Target } from "./save";

export type Step =
  | { name: "closed" }
  /** Asks for the name of a new run. */
  | { name: "name"; suggestion: string; cause: string }
  | { name: "namespace" }
  | { name: "conflict"; stored: Record<string, unknown> }
  | { name: "failed"; problem: Problem }
  | { name: "saved"; saved: Saved };

export interface SaveState {
  /** The stored run of the document. */
  run: StoredRun | undefined;
  draft: Origin["draft"];
  /** Whether the text differs from the stored run. */
  isChanged: boolean;
  isBusy: boolean;
  step: Step;
  /** The document as an object, for the comparison of a conflict. */
  mine: () => Record<string, unknown>;
  begin: () => void;
  saveAs: (name: string) => void;
  saveIn: (namespace: string) => void;
  askName: () => void;
  takeStored: () => void;
  /** Shows the document beside the object as it is stored now. */
  compare: (stored: Record<string, unknown>) => void;
  /** Goes on as a new run: the stored one is deleted. */
  detach: () => void;
  /** Goes on with the draft of another tab, and with the version that it changes. */
  takeDraft: (other: Draft) => void;
  close: () => void;
}

/** Refusals after which another name helps: the name is used, or its run has started meanwhile. */
const NEEDS_NAME: readonly string[] = ["AlreadyExists", "NameConflict", "Immutable"];

/** A copy of a trial is no trial of its Experiment. */
const LEAVE_EXPERIMENT: Edit = {
  label: "remove the labels of a trial",
  apply: ({ document: { value } }) => ({ value: epochalNames(value).reduce((found, path) => setIn(found, path, undefined) as JsonObject, value) }),
};

interface Options {
  origin: Origin;
  session: ModelerSession;
  pending: PendingTexts;
  namespace: string | null;
  drafts: DraftStore;
  onSaved: (run: RunKey) => void;
}

export function useSave({ origin, session, pending, namespace, drafts, onSaved }: Options): SaveState {
  const [run, setRun] = useState(origin.run);
  const [draft, setDraft] = useState(origin.draft);
  const [storedText, setStoredText] = useState(origin.storedText);
  const [step, setStep] = useState<Step>({ name: "closed" });
  const [isBusy, setBusy] = useState(false);
  const request = useRef<AbortController>(undefined);
  useEffect(() => () => request.current?.abort(), []);

  function target(): Target | Problem {
    const { document } = session.getState();
    if (!document) return makeProblem("Invalid", "The text is no YAML of a TrainingJob, so it cannot be saved.", "Correct the problems that the list names. The draft stays in this browser.");
    const name = getIn(document.value, ["metadata", "name"]);
    const own = getIn(document.value, ["metadata", "namespace"]);
    return { kind: document.kind, name: typeof name === "string" ? name : "", namespace: typeof own === "string" && own ? own : (namespace ?? "") };
  }

  function begin(): void {
    pending.flush();
    const found = target();
    if ("reason" in found) setStep({ name: "failed", problem: found });
    else if (found.namespace === "") setStep({ name: "namespace" });
    else if (found.name === "") setStep({ name: "name", suggestion: "my-network", cause: "A run needs a name." });
    else if (run?.hasRun && run.key.name === found.name) askName();
    else void send(found);
  }

  async function send(to: Target): Promise<void> {
    if (isBusy) return;
    // Save never starts a training. A text that was typed a moment ago is parsed for this.
    const isNew = saveRequest("", to, run).resourceVersion === null;
    const refused = session.apply(setField(["spec", "suspend"], true)) ?? (isNew ? session.apply(LEAVE_EXPERIMENT) : null);
    if (refused) {
      setStep({ name: "failed", problem: refused });
      return;
    }
    const { text } = session.getState();
    const abort = new AbortController();
    request.current?.abort();
    request.current = abort;
    setBusy(true);
    try {
      const saved = await saveDocument(saveRequest(text, to, run), abort.signal);
      finish(saved, text);
    } catch (error) {
      if (!isAbort(error)) refuse(error, to);
    } finally {
      setBusy(false);
    }
  }

  function finish(saved: Saved, text: string): void {
    const { resourceVersion, generation, uid } = saved;
    drafts.removeOwn(draft.namespace, draft.name);
    setDraft(draftOfRun(saved.key));
    setRun({ key: saved.key, resourceVersion: resourceVersion ?? "", generation: generation ?? undefined, uid: uid ?? undefined, metadata: seenMetadata(readYaml(saved.yaml).value), hasRun: false });
    setStoredText(withAdded(text, saved));
    setStep({ name: "saved", saved });
    onSaved(saved.key);
  }

  /** Takes the labels and fields that the cluster has added, and returns the text that is stored now. */
  function withAdded(sent: string, { yaml, added: fields = [] }: Saved): string {
    const isTypedOn = session.getState().text !== sent;
    const taken = added(readYaml(sent).value, readYaml(yaml).value, fields, objectOf(session));
    if (taken.length > 0) {
      session.apply({ label: "take the fields of the cluster", apply: ({ document: { value } }) => ({ value: taken.reduce((found, each) => setIn(found, each.path, each.value) as JsonObject, value) }) });
    }
    return isTypedOn ? sent : session.getState().text;
  }

  function refuse(error: unknown, { name }: Target): void {
    const stored = storedVersion(error);
    if (stored) setStep({ name: "conflict", stored });
    else if (error instanceof RequestError && NEEDS_NAME.includes(error.problem.reason)) {
      setStep({ name: "name", suggestion: copyName(name), cause: error.problem.message });
    } else setStep({ name: "failed", problem: problemOf(error) });
  }

  function askName(): void {
    const found = target();
    if ("reason" in found) setStep({ name: "failed", problem: found });
    else setStep({ name: "name", suggestion: copyName(found.name), cause: run?.hasRun ? "This run has trained, so your changes become a new one." : "Your version becomes a run of its own." });
  }

  /** Sets a field before the request, so that the document and the run agree. */
  function sendWith(path: readonly string[], value: string): void {
    const refused = session.apply(setField(path, value));
    const found = refused ?? target();
    if ("reason" in found) setStep({ name: "failed", problem: found });
    else if (found.name === "") setStep({ name: "name", suggestion: "my-network", cause: "A run needs a name." });
    else void send(found);
  }

  async function takeStored(): Promise<void> {
    if (!run) return;
    setBusy(true);
    try {
      const theirs = originOf(await loadDetail(run.key));
      session.open(theirs.text);
      drafts.removeOwn(draft.namespace, draft.name);
      setRun(theirs.run);
      setStoredText(theirs.text);
      setStep({ name: "closed" });
    } catch (error) {
      setStep({ name: "failed", problem: problemOf(error) });
    } finally {
      setBusy(false);
    }
  }

  function takeDraft(other: Draft): void {
    session.open(other.text);
    if (run) setRun(withVersion(run, other));
  }

  return {
    run, draft, isBusy, step, begin, askName, takeDraft,
    isChanged: session.getState().text !== storedText,
    mine: () => objectOf(session),
    saveAs: (name) => sendWith(["metadata", "name"], name),
    saveIn: (chosen) => sendWith(["metadata", "namespace"], chosen),
    takeStored: () => void takeStored(),
    compare: (stored) => setStep({ name: "conflict", stored }),
    detach: () => {
      setRun(undefined);
      setStoredText(null);
    },
    close: () => setStep({ name: "closed" }),
  };
}

function objectOf(session: ModelerSession): Record<string, unknown> {
  return { ...(session.getState().document?.value ?? {}) };
}

