// The form of a loss, of metrics or of the optimizer, with the fields of the training.
import { setField } from "../../../modeler/edits/fields";
import type { Graph, GraphNode } from "../../../modeler/graph/types";
import type { Json } from "../../../modeler/json";
import { StateIcon } from "../../../parts/icons";
import { LOSSES, METRICS, OPTIMIZERS } from "../catalogue";
import { formRim, valueAt, type EditorRim } from "../editor/rim";
import { FormHead } from "./FormHead";
import { NamedFields } from "./NamedFields";
import { TrainingFields } from "./TrainingFields";

interface Props {
  rim: EditorRim;
  graph: Graph;
  node: GraphNode;
}

const TITLES = { loss: "Loss", metrics: "Metrics", optimizer: "Optimizer" } as const;

export function TrainingForm({ rim, graph, node }: Props) {
  const { kind } = node;
  const several = [...graph.byId.values()].filter((each) => each.kind === "loss").length > 1;
  const output = several && (kind === "loss" || kind === "metrics") ? node.id.slice(kind.length + 1) : "";
  return (
    <div className="form-body">
      <FormHead title={TITLES[kind as keyof typeof TITLES]} subtitle={output ? `of the output ${output}` : "Training"} />
      {kind === "loss" && <NamedFields rim={formRim(rim, setField)} label="Loss" module={LOSSES} value={valueAt(rim, node.path)} path={node.path} isRequired hasDocs />}
      {kind === "metrics" && <MetricList rim={rim} node={node} />}
      {kind === "optimizer" && <NamedFields rim={formRim(rim, setField)} label="Optimizer" module={OPTIMIZERS} value={valueAt(rim, node.path)} path={node.path} standard="RMSprop" hasDocs />}
      <TrainingFields rim={rim} />
    </div>
  );
}

function MetricList({ rim, node }: { rim: EditorRim; node: GraphNode }) {
  const value = valueAt(rim, node.path);
  const metrics: readonly Json[] = Array.isArray(value) ? (value as readonly Json[]) : [];
  const set = (next: readonly Json[]) => void rim.apply(setField(node.path, next.length > 0 ? next : undefined));
  return (
    <div className="metric-list">
      {metrics.map((metric, index) => {
        const path = [...node.path, index];
        return (
          <div key={index} className="metric">
            <NamedFields rim={formRim(rim, setField)} label={`Metric ${index + 1}`} module={METRICS} value={metric} path={path} isRequired />
            <button type="button" className="button icon-button" aria-label={`Remove metric ${index + 1}`} title="Remove" onClick={() => set(metrics.filter((_each, position) => position !== index))}>
              <StateIcon shape="close" />
            </button>
          </div>
        );
      })}
      {metrics.length === 0 && <p className="hint">No metrics: the curves show the loss alone.</p>}
      <button type="button" className="button" onClick={() => set([...metrics, "accuracy"])}>
        Add a metric
      </button>
    </div>
  );
}
