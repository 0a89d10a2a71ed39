// The editor: palette, canvas, forms and YAML of one document, under a bar with its actions.
import { useCallback, useEffect, useMemo, useRef, useState, type ClipboardEvent, type KeyboardEvent } from "react";
import type { DraftStore } from "../../../modeler/drafts";
import { useChecked, useModeler } from "../../../modeler/hooks";
import { Dialog } from "../../../parts/Dialog";
import { onDemand } from "../../../parts/onDemand";
import type { RunKey } from "../../../wire";
import { Canvas } from "../canvas/Canvas";
import type { Catalogue } from "../catalogue";
import { PendingContext, PendingTexts } from "../form/pending";
import { FieldProblems } from "../form/problems";
import { NodeForm, SelectionForm } from "../form/SelectionForm";
import type { Origin } from "../origin";
import { Palette } from "../palette/Palette";
import { stepText } from "../save/stepText";
import { useSave } from "../save/useSave";
import { marksOf, placeOf } from "../yaml/marks";
import { YamlPanel } from "../yaml/YamlPanel";
import { commandsFor } from "./commands";
import { DraftNotes } from "./DraftNotes";
import { ProblemsPanel } from "./ProblemsPanel";
import { allProblems, type EditorRim } from "./rim";
import { Toolbar } from "./Toolbar";
import { useAutosave } from "./useAutosave";
import { useSession } from "./useSession";

// On demand, but before they are needed: the first load of the modeler is smaller, and the dialogs open at once.
const ConnectDialog = onDemand(async () => ({ default: (await import("./layerParts")).ConnectDialog }), {
  name: "the dialog for connections",
  frame: (failure, { onClose }) => <Dialog title="Connect the layer" onClose={onClose}>{failure}</Dialog>,
});
const SaveDialogs = onDemand(() => import("../save/SaveDialogs"), {
  name: "the dialog for saving",
  frame: (failure, { save }) => (
    <Dialog title={save.step.name === "saved" ? "The run is saved" : "The run is not saved"} onClose={save.close}>
      <p>{stepText(save.step)}</p>
      {failure}
    </Dialog>
  ),
});
const ExportDialog = onDemand(() => import("./ExportDialog"), {
  name: "the dialog for exports",
  frame: (failure, { onClose }) => <Dialog title="Export the network" onClose={onClose}>{failure}</Dialog>,
});
const PRELOADED_AFTER = 1_000;

export type Panel = "form" | "yaml";

interface Props {
  origin: Origin;
  namespace: string | null;
  namespaces: readonly string[] | null;
  drafts: DraftStore;
  catalogue: Catalogue;
  onSaved: (run: RunKey) => void;
  /** Opens the stored version again, without the draft. */
  onReopen: () => void;
}

export function Editor({ origin, namespace, namespaces, drafts, catalogue, onSaved, onReopen }: Props) {
  const session = useSession(origin.text);
  const state = useModeler(session);
  const { check, findings, problems: found } = useChecked(state);
  const [pending] = useState(() => new PendingTexts());
  const [panel, setPanel] = useState<Panel>("form");
  const [isConnecting, setConnecting] = useState(false);
  const [isExporting, setExporting] = useState(false);
  const [target, setTarget] = useState({ position: 0, request: 0, takesFocus: false });
  const root = useRef<HTMLDivElement>(null);
  const form = useRef<HTMLDivElement>(null);

  const problems = useMemo(() => allProblems(state.problems, found), [state.problems, found]);
  const fieldProblems = useMemo(() => new FieldProblems(problems), [problems]);
  const marks = useMemo(() => marksOf(problems, state.text, state.document), [problems, state.text, state.document]);
  const save = useSave({ origin, session, pending, namespace, drafts, onSaved });
  const [draft, keepDraft] = useAutosave(drafts, save, state);

  useEffect(() => {
    const timer = window.setTimeout(() => {
      for (const part of [NodeForm, ConnectDialog, SaveDialogs]) void part.preload();
    }, PRELOADED_AFTER);
    return () => window.clearTimeout(timer);
  }, []);

  const commands = useMemo(() => commandsFor(session, pending), [session, pending]);
  const onConnect = useCallback(() => setConnecting(true), []);
  const rim: EditorRim = { catalogue, document: state.document, findings, problems: fieldProblems, namespace: namespace ?? "", apply: commands.apply, onConnect };
  const selected = [...state.selection].flatMap((id) => state.graph.byId.get(id) ?? []);
  const only = selected.length === 1 ? selected[0] : undefined;

  const openForm = useCallback(() => {
    setPanel("form");
    afterForm(() => form.current?.querySelector<HTMLElement>("input, select, button")?.focus());
  }, []);

  const onSelect = useCallback((ids: readonly string[]) => {
    pending.flush();
    session.select(ids);
  }, [pending, session]);

  function showProblem(index: number): void {
    const problem = problems[index];
    if (!problem) return;
    const { node } = problem;
    if (node !== null && typeof problem.line !== "number") {
      onSelect([node]);
      setPanel("form");
      afterForm(() => {
        const field = form.current?.querySelector<HTMLElement>(`[data-path="${CSS.escape(problem.path)}"] :is(input, select)`);
        // A problem of the whole layer is often a required argument that is still empty.
        const required = [...(form.current?.querySelectorAll<HTMLInputElement>('[aria-required="true"]') ?? [])];
        const empty = required.find((each) => each.value === "");
        (field ?? empty ?? form.current?.querySelector<HTMLElement>("input, select, button"))?.focus();
      });
      return;
    }
    setPanel("yaml");
    const place = placeOf(problem, state.text, state.document);
    setTarget(({ request }) => ({ position: place?.from ?? 0, request: request + 1, takesFocus: true }));
  }

  function exportedText(): string {
    pending.flush();
    return session.getState().text;
  }

  function pressOnNode(event: KeyboardEvent): boolean {
    const isCommand = event.ctrlKey || event.metaKey;
    if (event.key === "Delete" || event.key === "Backspace") return commands.remove();
    if (isCommand && event.key.toLowerCase() === "d") return commands.duplicate();
    if (isCommand && event.key.toLowerCase() === "a") return commands.selectAll();
    if (isCommand || event.altKey) return false;
    // The key may have selected its node a moment ago.
    const { selection, graph } = session.getState();
    const [id] = selection;
    if (event.key.toLowerCase() === "c" && selection.size === 1 && id !== undefined && graph.byId.get(id)?.kind === "layer") {
      setConnecting(true);
      return true;
    }
    if (event.key.toLowerCase() === "i") return commands.addInput();
    if (event.key.toLowerCase() === "u") return commands.callAgain();
    if (event.key === "/") {
      root.current?.querySelector<HTMLElement>("[data-shortcut=palette]")?.focus();
      return true;
    }
    return false;
  }

  function press(event: KeyboardEvent): void {
    if (event.defaultPrevented || !(event.ctrlKey || event.metaKey) || event.altKey) return;
    const key = event.key.toLowerCase();
    const isText = event.target instanceof Element && event.target.matches("input, textarea, .yaml-editor");
    if (key === "s") save.begin();
    else if (key === "z" && !isText) void (event.shiftKey ? commands.redo() : commands.undo());
    else if (key === "y" && !isText) commands.redo();
    else return;
    event.preventDefault();
  }

  /** Copies with the browser's own keys, which need no permission. */
  function copy(event: ClipboardEvent, isCut: boolean): void {
    if (!isNode(event.target)) return;
    const text = commands.copied();
    if (!text) return;
    event.clipboardData.setData("text/plain", text);
    event.preventDefault();
    if (isCut) commands.remove();
  }

  function paste(event: ClipboardEvent): void {
    if (!isNode(event.target)) return;
    event.preventDefault();
    commands.paste(event.clipboardData.getData("text/plain"));
  }

  return (
    <PendingContext value={pending}>
      {/* A click beside the nodes leaves the focus here, so that the keys of undo and of saving go on. */}
      <div ref={root} tabIndex={-1} className={`modeler panel-${panel}`} onKeyDown={press} onCopy={(event) => copy(event, false)} onCut={(event) => copy(event, true)} onPaste={paste}>
        <Toolbar rim={rim} state={state} commands={commands} save={save} draft={draft} namespaces={namespaces} panel={panel} onPanel={setPanel} onExport={() => setExporting(true)} canConnect={only?.kind === "layer"} />
        <DraftNotes origin={origin} draft={draft} save={save} onKeep={keepDraft} onReopen={onReopen} />
        <Palette catalogue={catalogue} place={commands.placeText(state)} onAdd={commands.add} />
        <Canvas rim={rim} graph={state.graph} selection={state.selection} isStale={state.document === null} onSelect={onSelect} onOpenForm={openForm} onKey={pressOnNode} />
        <ProblemsPanel problems={problems} check={check} graph={state.graph} isBroken={state.document === null} onShow={showProblem} />
        <aside className="side" aria-label={panel === "form" ? "Form" : "YAML"}>
          {panel === "form" ? (
            <div ref={form} className="side-form">
              <SelectionForm rim={rim} graph={state.graph} nodes={selected} />
            </div>
          ) : (
            <YamlPanel text={state.text} marks={marks} target={target} onType={session.type.bind(session)} onUndo={commands.undo} onRedo={commands.redo} onSave={save.begin} />
          )}
        </aside>
        {isConnecting && only && <ConnectDialog rim={rim} graph={state.graph} node={only} onClose={() => setConnecting(false)} />}
        {isExporting && <ExportDialog text={exportedText} onClose={() => setExporting(false)} />}
        {save.step.name !== "closed" && <SaveDialogs save={save} namespaces={namespaces} />}
      </div>
    </PendingContext>
  );
}

function isNode(target: EventTarget): boolean {
  return target instanceof HTMLElement && target.dataset["node"] !== undefined;
}

/** Calls a function when the form of the selection is drawn. */
function afterForm(act: () => void): void {
  void NodeForm.preload().then(() => window.setTimeout(act));
}
