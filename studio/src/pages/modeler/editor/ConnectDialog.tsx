// Connects a layer without dragging: a list of the layers whose outputs it can take, with a filter.
import { useEffect, useId, useMemo, useRef, useState, type KeyboardEvent } from "react";
import { canConnect, connect, dependentsOf, disconnect } from "../../../modeler/edits/connections";
import type { Graph, GraphNode } from "../../../modeler/graph/types";
import { Dialog } from "../../../parts/Dialog";
import { StateIcon } from "../../../parts/icons";
import type { EditorRim } from "./rim";

/** Sources that are listed; the filter finds the others. */
const MAX_SHOWN = 100;

interface Props {
  rim: EditorRim;
  graph: Graph;
  node: GraphNode;
  onClose: () => void;
}

export default function ConnectDialog({ rim, graph, node, onClose }: Props) {
  const id = useId();
  const [filter, setFilter] = useState("");
  const [active, setActive] = useState(0);
  const search = useRef<HTMLInputElement>(null);
  // After the dialog itself, which gives the focus to its first button.
  useEffect(() => search.current?.focus(), []);
  const edges = graph.edges.filter((edge) => edge.target === node.id);
  const sources = useMemo(() => sourcesFor(graph, node.id, filter), [graph, node.id, filter]);
  const shown = sources.slice(0, MAX_SHOWN);
  const chosen = shown[Math.min(active, shown.length - 1)];

  function choose(source: GraphNode): void {
    if (rim.apply(connect(source.id, node.id))) onClose();
  }

  function press(event: KeyboardEvent): void {
    const to = event.key === "ArrowDown" ? active + 1 : event.key === "ArrowUp" ? active - 1 : undefined;
    if (to !== undefined) {
      event.preventDefault();
      setActive(Math.max(0, Math.min(shown.length - 1, to)));
    } else if (event.key === "Enter" && chosen) {
      event.preventDefault();
      choose(chosen);
    }
  }

  return (
    <Dialog title={`Inputs of ${node.title}`} onClose={onClose}>
      <div className="dialog-body connect-dialog">
        {edges.length > 0 && (
          <ul className="connections" aria-label="Connected">
            {edges.map((edge) => {
              const title = graph.byId.get(edge.source)?.title ?? edge.source;
              return (
                <li key={edge.id}>
                  <span className="connection-name">
                    {title}
                    {edge.isImplicit && <span className="hint"> the layer above, until another one is chosen</span>}
                  </span>
                  {!edge.isImplicit && !edge.isFixed && (
                    <button type="button" className="button" onClick={() => void rim.apply(disconnect(edge.id))}>
                      Disconnect
                      <span className="visually-hidden"> {title}</span>
                    </button>
                  )}
                </li>
              );
            })}
          </ul>
        )}
        <div className="field">
          <label htmlFor={id}>Take the output of</label>
          <div className="search">
            <StateIcon shape="search" />
            <input
              ref={search}
              id={id}
              type="search"
              role="combobox"
              aria-expanded="true"
              aria-controls={`${id}-list`}
              aria-autocomplete="list"
              aria-activedescendant={chosen ? `${id}-${chosen.id}` : undefined}
              placeholder="Filter by name or class"
              value={filter}
              autoComplete="off"
              onChange={(event) => {
                setFilter(event.target.value);
                setActive(0);
              }}
              onKeyDown={press}
            />
          </div>
        </div>
        <div id={`${id}-list`} role="listbox" aria-label="Layers and inputs" className="source-list" tabIndex={-1}>
          {shown.map((source) => (
            <div
              key={source.id}
              id={`${id}-${source.id}`}
              role="option"
              aria-selected={source === chosen}
              className="palette-item"
              onClick={() => choose(source)}
            >
              <span>{source.title}</span>
              {source.className && source.className !== source.title && <span className="hint">{source.className}</span>}
            </div>
          ))}
        </div>
        {shown.length === 0 && <p role="status">No layer with this name can be connected: a layer takes the outputs of others that do not depend on it.</p>}
        {sources.length > MAX_SHOWN && <p className="hint">The nearest {MAX_SHOWN} of {sources.length} layers.</p>}
        <div className="buttons end">
          <button type="button" className="button" onClick={onClose}>
            Close
          </button>
        </div>
      </div>
    </Dialog>
  );
}

/** Returns the nodes whose output a layer can take, nearest above first. */
export function sourcesFor(graph: Graph, target: string, filter: string): GraphNode[] {
  const wanted = filter.trim().toLowerCase();
  const at = graph.byId.get(target)?.index ?? 0;
  const dependents = dependentsOf(graph, target);
  return graph.nodes
    .filter((node) => node.kind === "layer" || node.kind === "input")
    .filter((node) => `${node.title} ${node.className}`.toLowerCase().includes(wanted))
    .filter((node) => canConnect(graph, node.id, target, dependents) === null)
    .sort((a, b) => distance(a, at) - distance(b, at));
}

function distance(node: GraphNode, at: number): number {
  const index = node.kind === "input" ? -1 : node.index;
  return index < at ? at - index : 10_000 + index;
}
