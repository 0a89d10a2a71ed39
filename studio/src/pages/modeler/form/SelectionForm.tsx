// The form of what is selected: a layer, an input, the data, the training, or the run itself.
import type { Graph, GraphNode } from "../../../modeler/graph/types";
import type { EditorRim } from "../editor/rim";
import { DataForm } from "./DataForm";
import { InputForm } from "./InputForm";
import { LayerForm } from "./LayerForm";
import { RunForm } from "./RunForm";
import { TrainingForm } from "./TrainingForm";

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
  switch (node.kind) {
    case "layer":
      return <LayerForm key={node.id} rim={rim} graph={graph} node={node} />;
    case "input":
      return <InputForm key={node.id} rim={rim} graph={graph} node={node} />;
    case "data":
      return <DataForm rim={rim} />;
    case "loss":
    case "metrics":
    case "optimizer":
      return <TrainingForm rim={rim} graph={graph} node={node} />;
    case "source":
      return <SourceForm node={node} />;
  }
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
