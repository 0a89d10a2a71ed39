// The steps of a new run beside its YAML. The draft's text is the only state: steps read it and change it.
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Document } from "yaml";
import { navigate, runAddress } from "../../navigation";
import { notify } from "../../parts/announcements";
import { StoredChangeNote } from "../../parts/actions/StoredChangeNote";
import { added } from "../../parts/actions/added";
import { loadDetail } from "../../parts/actions/requests";
import { problemOf } from "../../api/client";
import { ProblemBox } from "../../parts/ProblemBox";
import { useCheck } from "../../parts/useCheck";
import type { Problem, RunKey, Saved, Session } from "../../wire";
import { ActionPanel } from "./ActionPanel";
import { ConflictDialog } from "./ConflictDialog";
import { prepare, takeNetwork, toExperiment, toTrainingJob } from "./convert";
import { blank, contentOf, edit, jobPath, keysOf, read, set as setIn, type View } from "./document";
import { afterSave, draftKey, isStoredRun, saveDraft, type Draft } from "./draft";
import { FormContext, type Form } from "./form";
import { objectiveMetrics } from "./parameters";
import { byStep } from "./problems";
import { ReplaceDialog } from "./ReplaceDialog";
import type { SaveAction } from "./saving";
import { Steps } from "./Steps";
import { asNew, storedDraft } from "./storedDraft";
import { useSaving } from "./useSaving";

interface Props {
  first: Draft;
  /** Under which the browser keeps the draft. */
  storageKey: string;
  namespace: string;
  session: Session;
  /** A template of the address, which begins the draft. */
  template: { yaml: string; title: string } | null;
  /** Called with the stored run that the draft has become: the page goes on under its address. */
  onRenamed: (run: RunKey) => void;
}

export function NewRun({ first, storageKey, namespace, session, template, onRenamed }: Props) {
  const [draft, setDraft] = useState(first);
  const [asked, setAsked] = useState<{ yaml: string; title: string } | null>(null);
  const [isKept, setKept] = useState(true);
  const view = useMemo(() => read(draft.text), [draft.text]);

  useEffect(() => setKept(saveDraft(storageKey, draft)), [storageKey, draft]);

  const write = useCallback((change: (text: string) => string) => {
    setDraft((old) => {
      const text = change(old.text);
      return text === old.text ? old : { ...old, text, isEdited: true };
    });
  }, []);
  useEffect(() => {
    // A document without a namespace of its own is one of the page's namespace.
    setDraft((old) => (old.stored ? old : { ...old, text: edit(old.text, (document) => setIn(document, ["metadata", "namespace"], namespace)) }));
  }, [namespace]);

  const begin = useCallback((yaml: string) => setDraft({ text: prepare(yaml, namespace), isEdited: false, stored: null, earlierSearch: null }), [namespace]);
  const chooseTemplate = useCallback(
    (yaml: string, title: string) => {
      if (draft.isEdited || draft.stored) {
        setAsked({ yaml, title });
        return;
      }
      begin(yaml);
      notify(`The run begins with the template ${title}.`);
    },
    [draft.isEdited, draft.stored, begin],
  );
  useTemplateOnce(template, chooseTemplate);

  if (typeof view === "string") return <Unreadable reason={view} onBlank={() => begin(blank(namespace))} />;
  return (
    <>
      {!isKept && <ProblemBox tone="warning" problem={NO_ROOM} />}
      <Editor draft={draft} view={view} namespace={namespace} session={session} storageKey={storageKey} setDraft={setDraft} write={write} onTemplate={chooseTemplate} onRenamed={onRenamed} />
      {asked && (
        <ReplaceDialog
          title={asked.title}
          onAll={() => {
            begin(asked.yaml);
            setAsked(null);
          }}
          onNetwork={() => {
            write((text) => takeNetwork(text, asked.yaml));
            setAsked(null);
          }}
          onClose={() => setAsked(null)}
        />
      )}
    </>
  );
}

const NO_ROOM: Problem = {
  reason: "NoRoom", message: "The browser has no room to keep this draft.", remedy: "Download the YAML, or save the run suspended, before you leave the page.", current: null,
};

function useTemplateOnce(template: Props["template"], choose: (yaml: string, title: string) => void): void {
  const [isUsed, setUsed] = useState(false);
  useEffect(() => {
    if (!template || isUsed) return;
    setUsed(true);
    choose(template.yaml, template.title);
    // A reload goes on with the draft.
    const query = new URLSearchParams(window.location.search);
    query.delete("template");
    navigate(`/new${query.size > 0 ? `?${query}` : ""}`, { replace: true });
  }, [template, isUsed, choose]);
}

function Unreadable({ reason, onBlank }: { reason: string; onBlank: () => void }) {
  return (
    <div className="part-problem">
      <ProblemBox problem={{ reason: "InvalidDocument", message: reason, remedy: "Begin a new draft, or correct the stored run with kubectl.", current: null }} />
      <button type="button" className="button" onClick={onBlank}>
        Begin a new draft
      </button>
    </div>
  );
}

interface EditorProps extends Omit<Props, "first" | "template"> {
  draft: Draft;
  view: View;
  setDraft: (change: (old: Draft) => Draft) => void;
  write: (change: (text: string) => string) => void;
  onTemplate: (yaml: string, title: string) => void;
}

function Editor({ draft, view, namespace, session, storageKey, setDraft, write, onTemplate, onRenamed }: EditorProps) {
  const { text } = draft;
  const check = useCheck(text);
  const [refusal, setRefusal] = useState<Problem | null>(null);
  const stored = isStoredRun(draft.stored, { kind: view.kind, namespace: view.namespace, name: view.name }) ? draft.stored : null;

  const form = useMemo<Form>(() => {
    const change = (edits: (document: Document) => void) => write((old) => edit(old, edits));
    return {
      text, view, namespace, session, checked: check.checked, write,
      edit: change,
      set: (path, value) => change((document) => setIn(document, [...jobPath(view.kind), ...(typeof path === "string" ? keysOf(path) : path)], value)),
    };
  }, [text, view, namespace, session, check.checked, write]);

  const latest = useRef({ draft, isShown: true });
  useEffect(() => {
    latest.current = { draft, isShown: true };
    return () => {
      latest.current = { ...latest.current, isShown: false };
    };
  }, [draft]);

  const onSaved = (action: SaveAction, saved: Saved, sent: string) => {
    const { draft: now, isShown } = latest.current;
    if (action === "start") {
      saveDraft(storageKey, null);
      notify(`${saved.key.name} is started.`);
      // The user may have left the page meanwhile.
      if (isShown) navigate(runAddress(saved.key));
      return;
    }
    const object = contentOf(saved.yaml);
    const mine = stored ? now.text : asNew(now.text);
    const taken = added(contentOf(sent), object, saved.added ?? [], contentOf(mine));
    const kept = taken.length === 0 ? mine : edit(mine, (document) => taken.forEach(({ path, value }) => setIn(document, path, value)));
    // The user may have typed on meanwhile: that is not saved.
    const next = { ...afterSave(now, saved, object), text: kept, isEdited: mine !== sent };
    const nextKey = draftKey(session.user, saved.key);
    saveDraft(nextKey, next);
    notify(`${saved.key.name} is saved, and waits until you start it.`);
    if (nextKey !== storageKey) {
      if (isShown) onRenamed(saved.key);
      saveDraft(storageKey, null);
    }
    setDraft(() => next);
  };
  const saving = useSaving({ text, namespace, onSaved });

  function onSearch(isOn: boolean): void {
    setDraft((old) => ({
      ...old,
      isEdited: true,
      text: isOn ? toExperiment(old.text, objectiveMetrics(view.job)[0] ?? "loss", old.earlierSearch) : toTrainingJob(old.text),
      earlierSearch: isOn ? null : old.text,
    }));
  }

  async function takeStored(): Promise<void> {
    if (!draft.stored) return;
    try {
      const found = storedDraft(await loadDetail(draft.stored.key), null);
      setDraft(() => found);
      saving.dismiss();
    } catch (error) {
      setRefusal(problemOf(error));
    }
  }

  const problems = byStep(check.checked?.problems ?? []);
  return (
    <FormContext value={form}>
      {stored && saving.busy === null && (
        <StoredChangeNote run={stored} onCompare={saving.compare} onDetach={() => setDraft((old) => ({ ...old, stored: null, isEdited: true }))} />
      )}
      <div className="new-run-columns">
        <Steps problems={problems} storedName={draft.stored?.key.kind === "TrainingJob" ? draft.stored.key.name : ""} isStored={draft.stored !== null} onTemplate={onTemplate} onSearch={onSearch} />
        <ActionPanel check={check} problems={problems.document} saving={saving} stored={stored} />
      </div>
      {saving.conflict && (
        <ConflictDialog
          name={view.name}
          conflict={saving.conflict}
          seen={draft.stored?.object ?? {}}
          text={text}
          refusal={refusal}
          isBusy={saving.busy !== null}
          onOverwrite={() => void saving.overwrite()}
          onTakeStored={() => void takeStored()}
          onClose={saving.dismiss}
        />
      )}
    </FormContext>
  );
}
