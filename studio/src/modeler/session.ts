// The state of one open document: its text, its graph, the selection and the history. The text is the truth.
import { problem } from "../api/client";
import type { DocumentProblem, Problem } from "../wire";
import { MAX_YAML } from "../wire";
import { parseDocument, specOf, type ModelerDocument } from "./document/parse";
import { applyEdit, EditRefused, type Edit } from "./edits/edit";
import { toGraph } from "./graph/graph";
import { EMPTY_GRAPH, type Graph } from "./graph/types";
import { History, type Snapshot } from "./history";
import { getIn, isList, type Json } from "./json";
import { IdSource, matchIds } from "./layerIds";

/** Time after the last typed character until the text is parsed, in milliseconds. */
const PARSED_AFTER = 150;

export interface ModelerState {
  text: string;
  /** Grows with each change of the text. */
  version: number;
  /** Faults of the text itself, with their lines. */
  problems: readonly DocumentProblem[];
  /** Null while the text is broken. */
  document: ModelerDocument | null;
  /** The graph of the text, or the last good one while the text is broken. */
  graph: Graph;
  /** Whether the graph is older than the text: the text is broken, or was typed a moment ago. */
  isStale: boolean;
  /** Ids of nodes. */
  selection: ReadonlySet<string>;
  /** The edit that undo would reverse; null if there is none. */
  undoLabel: string | null;
  redoLabel: string | null;
}

export class ModelerSession {
  #state: ModelerState = { text: "", version: 0, problems: [], document: null, graph: EMPTY_GRAPH, isStale: false, selection: new Set(), undoLabel: null, redoLabel: null };
  /** The layers to which the ids of the graph belong. */
  #layers: readonly Json[] = [];
  readonly #ids = new IdSource();
  readonly #history = new History();
  readonly #listeners = new Set<() => void>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(text: string) {
    this.#load(text);
  }

  readonly getState = (): ModelerState => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Applies an edit; returns why it is refused, or null. A refused edit changes nothing. `tell` gets its notice. */
  apply(edit: Edit, tell?: (notice: string) => void): Problem | null {
    this.#parseNow();
    const { document, graph, version } = this.#state;
    if (!document) return problem("BrokenText", "The YAML has faults, so that only the text can be edited.", "Correct the faults that are listed, or undo.");
    const before = this.#snapshot();
    try {
      const { document: after, result } = applyEdit(edit, { document, graph });
      if (after.text.length > MAX_YAML) return problem("TooLarge", `The document would be larger than ${MAX_YAML.toLocaleString("en")} characters.`, "Use fewer layers or arguments.");
      if (after === document) return null;
      const ids = result.order ? result.order.map((old) => (old === null ? this.#ids.next() : (graph.layerIds[old] ?? this.#ids.next()))) : graph.layerIds;
      this.#show(after, ids, version + 1);
      if (result.select) this.#set({ selection: new Set(result.select.flatMap((index) => ids[index] ?? [])) });
      this.#history.add(edit.label, before, this.#snapshot(), edit.mergeKey, Date.now());
      this.#tell();
      if (result.notice) tell?.(result.notice);
      return null;
    } catch (error) {
      if (error instanceof EditRefused) return error.problem;
      throw error;
    }
  }

  /** Takes a text that a user has typed. It is parsed a moment after the last character. */
  type(text: string, label = "typed YAML"): void {
    if (text === this.#state.text) return;
    const before = this.#snapshot();
    this.#set({ text, version: this.#state.version + 1, isStale: true });
    this.#history.add(label, before, this.#snapshot(), "typed", Date.now());
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#parseNow();
      this.#tell();
    }, PARSED_AFTER);
    this.#tell();
  }

  /** Ends the merging of typed characters into one step of undo. */
  seal(): void {
    this.#history.seal();
  }

  /** Reverses the last edit; returns whether there was one. */
  undo(): boolean {
    this.#parseNow();
    return this.#restore(this.#history.undo(this.#snapshot()));
  }

  redo(): boolean {
    this.#parseNow();
    return this.#restore(this.#history.redo(this.#snapshot()));
  }

  /** Selects nodes of the graph; others are left out. */
  select(ids: Iterable<string>): void {
    const selection = new Set([...ids].filter((id) => this.#state.graph.byId.has(id)));
    const { selection: now } = this.#state;
    if (selection.size === now.size && [...selection].every((id) => now.has(id))) return;
    this.#set({ selection });
    this.#tell();
  }

  /** Shows another version of the document. Undo leads back to the one before. */
  open(text: string): void {
    this.seal();
    this.type(text, "open another version");
    this.seal();
    this.#parseNow();
    this.#tell();
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#listeners.clear();
  }

  #load(text: string): void {
    const { document, partial, problems } = parseDocument(text);
    // A broken text shows as much of its network as is readable.
    const shown = document ?? partial;
    this.#set({ text, version: this.#state.version + 1, selection: new Set(), graph: EMPTY_GRAPH });
    if (shown) this.#show(shown, layersOf(shown).map(() => this.#ids.next()), this.#state.version);
    this.#set({ problems, document, isStale: document === null });
  }

  /** Parses a typed text that waits for it. */
  #parseNow(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#parse();
  }

  #parse(layerIds?: readonly string[]): void {
    const { text, version, graph } = this.#state;
    const { document, problems } = parseDocument(text);
    if (!document) {
      this.#set({ problems, document: null, isStale: true });
      return;
    }
    const layers = layersOf(document);
    const ids = layerIds?.length === layers.length ? layerIds : matchIds(this.#layers, graph.layerIds, layers, this.#ids);
    this.#show(document, ids, version);
  }

  #show(document: ModelerDocument, ids: readonly string[], version: number): void {
    const graph = toGraph(document, ids);
    this.#layers = layersOf(document);
    const selection = new Set([...this.#state.selection].filter((id) => graph.byId.has(id)));
    this.#set({ text: document.text, version, document, graph, problems: [], isStale: false, selection });
  }

  #restore(wanted: Snapshot | null): boolean {
    if (!wanted) return false;
    this.#set({ text: wanted.text, version: this.#state.version + 1, isStale: true });
    this.#parse(wanted.layerIds);
    this.#set({ selection: new Set(wanted.selection.filter((id) => this.#state.graph.byId.has(id))) });
    this.#tell();
    return true;
  }

  #snapshot(): Snapshot {
    const { text, graph, selection } = this.#state;
    return { text, layerIds: graph.layerIds, selection: [...selection] };
  }

  #set(changes: Partial<ModelerState>): void {
    this.#state = { ...this.#state, ...changes };
  }

  #tell(): void {
    const { undoLabel, redoLabel } = this.#history;
    this.#set({ undoLabel, redoLabel });
    for (const listener of [...this.#listeners]) listener();
  }
}

function layersOf(document: ModelerDocument): readonly Json[] {
  const layers = getIn(specOf(document), ["network", "layers"]);
  return isList(layers) ? layers : [];
}
