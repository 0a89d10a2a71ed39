// Asks the back end for the problems and shapes of a document while a user edits it.
import { isAbort, problemOf, request } from "../api/client";
import type { Checked, DocumentProblem, Problem } from "../wire";
import type { Graph } from "./graph/types";
import { pathText } from "./json";

/** Time after the last change until the document is sent, in milliseconds. */
const SENT_AFTER = 120;

export interface CheckState {
  /** The last answer; null before the first one. */
  checked: Checked | null;
  /** Version of the text to which the answer belongs. */
  version: number;
  /** Whether an answer for a newer text is awaited. */
  isWaiting: boolean;
  /** Why the last request has failed. */
  problem: Problem | null;
}

type Post = (text: string, signal: AbortSignal) => Promise<Checked>;

export class DocumentChecker {
  #state: CheckState = { checked: null, version: -1, isWaiting: false, problem: null };
  readonly #post: Post;
  readonly #listeners = new Set<() => void>();
  #asked = -1;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #request: AbortController | undefined;

  constructor(post: Post = postCheck) {
    this.#post = post;
  }

  readonly getState = (): CheckState => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Asks about a text in a moment, in place of any earlier text. */
  check(text: string, version: number): void {
    if (version === this.#asked) return;
    this.#asked = version;
    this.#cancel();
    this.#set({ isWaiting: true });
    this.#timer = setTimeout(() => void this.#send(text, version), SENT_AFTER);
  }

  /** Asks again after a failed request. */
  retry(text: string, version: number): void {
    this.#asked = -1;
    this.check(text, version);
  }

  /** Ends the requests: the next `check` begins anew. */
  dispose(): void {
    this.#cancel();
    this.#asked = -1;
  }

  async #send(text: string, version: number): Promise<void> {
    const controller = new AbortController();
    this.#request = controller;
    try {
      const checked = await this.#post(text, controller.signal);
      if (!controller.signal.aborted) this.#set({ checked, version, isWaiting: false, problem: null });
    } catch (error) {
      if (!controller.signal.aborted && !isAbort(error)) this.#set({ isWaiting: false, problem: problemOf(error) });
    }
  }

  #cancel(): void {
    clearTimeout(this.#timer);
    this.#request?.abort();
    this.#request = undefined;
  }

  #set(changes: Partial<CheckState>): void {
    this.#state = { ...this.#state, ...changes };
    for (const listener of [...this.#listeners]) listener();
  }
}

/** What is known of the nodes of a graph. */
export interface NodeFindings {
  problems: ReadonlyMap<string, readonly DocumentProblem[]>;
  /** Shape of each output, without the batch axis; -1 is an axis of any length. */
  shapes: ReadonlyMap<string, readonly (readonly number[])[]>;
  parameters: ReadonlyMap<string, number | null>;
  /** Problems of no node. */
  rest: readonly DocumentProblem[];
}

/** Returns the findings by node. The graph must be that of the checked text, or one whose layers have the same order. */
export function findingsOf(checked: Checked, graph: Graph): NodeFindings {
  const problems = new Map<string, DocumentProblem[]>();
  const rest: DocumentProblem[] = [];
  const places = nodePlaces(graph);
  for (const found of checked.problems) {
    const node = nodeAtPlace(found, graph, places);
    const list = node === null ? rest : (problems.get(node) ?? []);
    list.push(found);
    if (node !== null) problems.set(node, list);
  }
  const shapes = new Map<string, readonly (readonly number[])[]>();
  const parameters = new Map<string, number | null>();
  for (const { index, outputs, parameters: count } of checked.layers) {
    const id = graph.layerIds[index];
    if (id === undefined) continue;
    if (outputs.length > 0) shapes.set(id, outputs);
    parameters.set(id, count);
  }
  return { problems, shapes, parameters, rest };
}

/** Returns the id of the node to which a problem belongs, or null. */
export function nodeOfProblem(found: DocumentProblem, graph: Graph): string | null {
  return nodeAtPlace(found, graph, nodePlaces(graph));
}

function nodePlaces(graph: Graph): Map<string, string> {
  return new Map(graph.nodes.map(({ id, path }) => [pathText(path), id]));
}

function nodeAtPlace({ layer, path }: DocumentProblem, graph: Graph, places: ReadonlyMap<string, string>): string | null {
  const id = typeof layer === "number" ? graph.layerIds[layer] : undefined;
  if (id !== undefined) return id;
  // The path of a field, and then those of the objects around it.
  for (let place = path; place !== ""; place = place.slice(0, Math.max(0, place.lastIndexOf("."), place.lastIndexOf("[")))) {
    const found = places.get(place);
    if (found !== undefined) return found;
  }
  return null;
}

function postCheck(yaml: string, signal: AbortSignal): Promise<Checked> {
  return request<Checked>("/api/check", { method: "POST", body: { yaml }, signal });
}
