// The bar of the editor: name and namespace, edits, the draft, and saving.
import { useId } from "react";
import { setField } from "../../../modeler/edits/fields";
import type { DraftState } from "../../../modeler/drafts";
import type { ModelerState } from "../../../modeler/session";
import { keyText } from "../../../api/paths";
import { notify } from "../../../parts/announcements";
import { StateIcon, type Shape } from "../../../parts/icons";
import { Link } from "../../../parts/Link";
import { TextControl } from "../form/TextControl";
import type { SaveState } from "../save/useSave";
import { readClipboard, writeClipboard } from "./clipboard";
import type { Commands } from "./commands";
import type { Panel } from "./Editor";
import { valueAt, type EditorRim } from "./rim";

interface Props {
  rim: EditorRim;
  state: ModelerState;
  commands: Commands;
  save: SaveState;
  draft: DraftState | null;
  namespaces: readonly string[] | null;
  panel: Panel;
  onPanel: (panel: Panel) => void;
  onExport: () => void;
  canConnect: boolean;
}

export function Toolbar({ rim, state, commands, save, draft, namespaces, panel, onPanel, onExport, canConnect }: Props) {
  const hasLayer = [...state.selection].some((id) => state.graph.byId.get(id)?.kind === "layer");

  async function copy(): Promise<void> {
    const text = commands.copied();
    if (!text) return;
    await writeClipboard(text);
    notify("The layers are copied.");
  }

  return (
    <div className="modeler-bar" role="region" aria-label="Document">
      <h1 className="visually-hidden">Modeler</h1>
      <Identity rim={rim} namespaces={namespaces} isStored={save.run !== undefined} />
      <div className="tools" role="group" aria-label="Edit">
        <Tool shape="undo" label={state.undoLabel ? `Undo: ${state.undoLabel}` : "Undo"} keys="Control+Z" isOff={state.undoLabel === null} onUse={commands.undo} />
        <Tool shape="redo" label={state.redoLabel ? `Redo: ${state.redoLabel}` : "Redo"} keys="Control+Shift+Z" isOff={state.redoLabel === null} onUse={commands.redo} />
        <span className="tools-gap" />
        <Tool shape="connect" label="Connect the layer" keys="c" isOff={!canConnect} onUse={rim.onConnect} />
        <Tool shape="plus" label="Add an input" keys="i" isOff={state.document === null} onUse={commands.addInput} />
        <Tool shape="reset" label="Use the layer again, with the same weights" keys="u" isOff={!canConnect} onUse={commands.callAgain} />
        <Tool shape="duplicate" label="Duplicate" keys="Control+D" isOff={!hasLayer} onUse={commands.duplicate} />
        <Tool shape="copy" label="Copy" keys="Control+C" isOff={!hasLayer} onUse={() => void copy()} />
        <Tool shape="paste" label="Paste" keys="Control+V" isOff={state.document === null} onUse={() => void readClipboard().then(commands.paste)} />
        <Tool shape="trash" label="Delete" keys="Delete" isOff={!hasLayer} onUse={commands.remove} />
        <span className="tools-gap" />
        <Tool shape="store" label="Export…" isOff={state.document === null} onUse={onExport} />
      </div>
      <div className="segments" role="group" aria-label="Beside the canvas">
        <button type="button" aria-pressed={panel === "form"} onClick={() => onPanel("form")}>
          <StateIcon shape="form" />
          Form
        </button>
        <button type="button" aria-pressed={panel === "yaml"} onClick={() => onPanel("yaml")}>
          <StateIcon shape="code" />
          YAML
        </button>
      </div>
      <p className="draft-state hint" role="status">
        {draftText(draft, save)}
      </p>
      <div className="buttons">
        <button type="button" className="button primary" aria-keyshortcuts="Control+S" aria-disabled={save.isBusy} onClick={save.begin}>
          {save.isBusy ? "Saving…" : save.run?.hasRun ? "Save as new…" : "Save"}
        </button>
        {save.run && !save.run.hasRun && !save.isChanged ? (
          <Link href={`/new?${new URLSearchParams({ run: keyText(save.run.key) })}`} className="button">
            Start…
          </Link>
        ) : (
          <button type="button" className="button" disabled title="Save first: the training starts from the stored version.">
            Start…
          </button>
        )}
      </div>
    </div>
  );
}

function draftText(draft: DraftState | null, save: SaveState): string {
  if (draft?.kind === "failed") return "The draft is not stored";
  if (draft?.kind === "conflict") return "Changed in another tab";
  if (!save.isChanged) return save.run ? "Saved" : "";
  return draft ? "Draft stored in this browser" : save.run ? "Changed" : "Not saved yet";
}

interface ToolProps {
  shape: Shape;
  label: string;
  keys?: string;
  isOff: boolean;
  onUse: () => void;
}

/** A button with an icon. One without effect stays focusable, so that keyboards do not lose their place. */
function Tool({ shape, label, keys, isOff, onUse }: ToolProps) {
  return (
    <button
      type="button"
      className="button icon-button"
      aria-label={label}
      aria-keyshortcuts={keys}
      title={keys ? `${label} (${keys.replace("Control", "Ctrl")})` : label}
      aria-disabled={isOff}
      onClick={() => {
        if (!isOff) onUse();
      }}
    >
      <StateIcon shape={shape} />
    </button>
  );
}

function Identity({ rim, namespaces, isStored }: { rim: EditorRim; namespaces: readonly string[] | null; isStored: boolean }) {
  const id = useId();
  const { document } = rim;
  const name = valueAt(rim, ["metadata", "name"]);
  const written = valueAt(rim, ["metadata", "namespace"]);
  const namespace = typeof written === "string" ? written : rim.namespace;
  const problems = rim.problems.at(["metadata"]);
  const setNamespace = (next: string) => void rim.apply(setField(["metadata", "namespace"], next || undefined));
  const isFixed = isStored || document === null;
  return (
    <div className="identity">
      <div className="field">
        <label htmlFor={`${id}-name`}>Name</label>
        <TextControl
          control={{ id: `${id}-name`, "aria-invalid": problems.length > 0 || undefined, "aria-describedby": problems.length > 0 ? `${id}-problem` : undefined }}
          value={name}
          type="string"
          placeholder="my-network"
          onSet={(next) => void rim.apply(setField(["metadata", "name"], next))}
        />
      </div>
      <div className="field">
        <label htmlFor={`${id}-namespace`}>Save in</label>
        {namespaces ? (
          <select id={`${id}-namespace`} value={namespace} disabled={isFixed} onChange={(event) => setNamespace(event.target.value)}>
            {!namespaces.includes(namespace) && <option value={namespace}>{namespace || "Choose a namespace"}</option>}
            {namespaces.map((each) => (
              <option key={each} value={each}>
                {each}
              </option>
            ))}
          </select>
        ) : (
          <TextControl control={{ id: `${id}-namespace` }} value={namespace || undefined} type="string" placeholder="team-a" onSet={(next) => setNamespace(typeof next === "string" ? next : "")} />
        )}
      </div>
      {problems.length > 0 && (
        <p id={`${id}-problem`} className="field-error">
          {problems[0]}
        </p>
      )}
    </div>
  );
}
