// What the buttons and keys of the editor do: edits of the session. A text that a user still types becomes an edit first.
import { copyLayers, pasteLayers } from "../../../modeler/edits/clipboard";
import type { Edit } from "../../../modeler/edits/edit";
import { addInput } from "../../../modeler/edits/fields";
import { addLayer, callAgain, duplicateLayers, removeLayers } from "../../../modeler/edits/layers";
import type { Place } from "../../../modeler/edits/place";
import type { ModelerSession, ModelerState } from "../../../modeler/session";
import { announce, notify } from "../../../parts/announcements";
import type { PendingTexts } from "../form/pending";

export interface Commands {
  apply: (edit: Edit) => boolean;
  undo: () => boolean;
  redo: () => boolean;
  add: (className: string) => void;
  /** Adds an input to the network, and selects it. */
  addInput: () => boolean;
  /** Calls the selected layer again, with the same weights. */
  callAgain: () => boolean;
  remove: () => boolean;
  duplicate: () => boolean;
  selectAll: () => boolean;
  /** Returns the selected layers as YAML; empty without one. */
  copied: () => string;
  paste: (text: string) => boolean;
  /** Where a new layer goes, in words. */
  placeText: (state: ModelerState) => string;
}

/** Returns the commands of a session. The cause of an edit that is not possible becomes a notice. */
export function commandsFor(session: ModelerSession, pending: PendingTexts): Commands {
  function apply(edit: Edit): boolean {
    pending.flush();
    const problem = session.apply(edit, notify);
    if (problem) notify([problem.message, problem.remedy].filter(Boolean).join(" "));
    else announce([`Done: ${edit.label}`]);
    return problem === null;
  }

  function step(name: "undo" | "redo"): boolean {
    pending.flush();
    const { undoLabel, redoLabel } = session.getState();
    const isDone = name === "undo" ? session.undo() : session.redo();
    const label = name === "undo" ? undoLabel : redoLabel;
    if (isDone && label) announce([`${name === "undo" ? "Undone" : "Done again"}: ${label}`]);
    return isDone;
  }

  /** Returns the selected layers; the boxes of data and training stay. */
  function layers(): string[] {
    const { selection, graph } = session.getState();
    return [...selection].filter((id) => graph.byId.get(id)?.kind === "layer");
  }

  function onLayers(edit: (ids: readonly string[]) => Edit): boolean {
    const ids = layers();
    return ids.length > 0 && apply(edit(ids));
  }

  return {
    apply,
    undo: () => step("undo"),
    redo: () => step("redo"),
    add: (className) => {
      pending.flush();
      apply(addLayer({ layer: className }, placeOf(session.getState())));
    },
    addInput: () => {
      if (!apply(addInput())) return false;
      const input = session.getState().graph.nodes.findLast(({ kind }) => kind === "input");
      session.select(input ? [input.id] : []);
      return true;
    },
    callAgain: () => {
      const [id, ...others] = layers();
      return id !== undefined && others.length === 0 && apply(callAgain(id));
    },
    remove: () => onLayers(removeLayers),
    duplicate: () => onLayers(duplicateLayers),
    selectAll: () => {
      session.select(session.getState().graph.layerIds);
      return true;
    },
    copied: () => {
      pending.flush();
      const ids = layers();
      return ids.length > 0 ? copyLayers(session.getState(), ids) : "";
    },
    paste: (text) => {
      pending.flush();
      return apply(pasteLayers(text, placeOf(session.getState())));
    },
    placeText: (state) => {
      const place = placeOf(state);
      return place.kind === "after" ? `Added after ${titleOf(state, place.node)}` : "Added at the end";
    },
  };
}

function titleOf({ graph }: ModelerState, id: string): string {
  const node = graph.byId.get(id);
  return node?.kind === "layer" && node.name === null ? node.className : (node?.title ?? "");
}

/** Returns where a new layer goes: after the selected layer or input, and otherwise to the end. */
function placeOf({ selection, graph }: ModelerState): Place {
  const last = [...selection].at(-1);
  const node = last === undefined ? undefined : graph.byId.get(last);
  return node && (node.kind === "layer" || node.kind === "input") ? { kind: "after", node: node.id } : { kind: "end" };
}
