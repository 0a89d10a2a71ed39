// The form of what is selected: a layer, an input, the data, the training, or the run itself.
import type { Graph, GraphNode } from "../../../modeler/graph/types";
import type { EditorRim } from "../editor/rim";
import { onDemand } from "../../../parts/onDemand";
import { RunForm } from "./RunForm";

/** The modeler opens without a selection, so its first drawing needs no form of a node. */
export const NodeForm = onDemand(async () => ({ default: (await import("../editor/layerParts")).NodeForm }), {
  name: "the form",
  waiting: <p className="page-wait" role="status">Loading the form…</p>,
  frame: (failure) => <div className="form-body">{failure}</div>,
});

interface Props {
  rim: EditorRim;
  graph: Graph;
  nodes: readonly GraphNode[];
}

export function SelectionForm({ rim, graph, nodes }: Props) {
  if (!rim.document) return <BrokenForm />;
  const [node, ...others] = nodes;
  if (!node) return <RunForm rim={rim} />;
  if (others.length > 0) return <ManyForm nodes={nodes} />;
  if (node.kind === "source") return <SourceForm node={node} />;
  return <NodeForm rim={rim} graph={graph} node={node} />;
}

/** Its fields would be empty, as if nothing was set. */
function BrokenForm() {
  return (
    <div className="form-body">
      <h3>The YAML cannot be read</h3>
      <p className="hint">Undo the last change, or correct the problems that the list under the network names.</p>
    </div>
  );
}

function ManyForm({ nodes }: { nodes: readonly GraphNode[] }) {
  return (
    <div className="form-body">
      <h3>{nodes.length} layers are selected</h3>
      <p className="hint">Copy, duplicate or delete them with the buttons above. Select one layer to change its arguments.</p>
      <ul className="chips">
        {nodes.slice(0, 50).map((node) => (
          <li key={node.id}>{node.title}</li>
        ))}
      </ul>
    </div>
  );
}

function SourceForm({ node }: { node: GraphNode }) {
  return (
    <div className="form-body">
      <h3>{node.title}</h3>
      <p>
        The network of this run comes from <code>spec.{String(node.path.at(-1) ?? "")}</code>, so its layers are not drawn here. Change it in the YAML.
      </p>
    </div>
  );
}
