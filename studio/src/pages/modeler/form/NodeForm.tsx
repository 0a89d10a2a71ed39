// The form of a selected node: a layer, an input, the data, or a part of the training.
import type { Graph, GraphNode } from "../../../modeler/graph/types";
import type { EditorRim } from "../editor/rim";
import { DataForm } from "./DataForm";
import { InputForm } from "./InputForm";
import { LayerForm } from "./LayerForm";
import { TrainingForm } from "./TrainingForm";

interface Props {
  rim: EditorRim;
  graph: Graph;
  node: GraphNode;
}

export default function NodeForm({ rim, graph, node }: Props) {
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
      return <TrainingForm key={node.id} rim={rim} graph={graph} node={node} />;
    case "source":
      return null;
  }
}
