// The form of a layer: its name, class, inputs and arguments, and what Keras' documentation says of its class.
import { useId } from "react";
import { setOutputs } from "../../../modeler/edits/connections";
import { setArgument, setField } from "../../../modeler/edits/fields";
import { renameLayer, setLayerClass } from "../../../modeler/edits/layers";
import type { Graph, GraphNode } from "../../../modeler/graph/types";
import type { Json, Path } from "../../../modeler/json";
import { findClass, LAYERS, usableClasses } from "../catalogue";
import { formRim, type EditorRim } from "../editor/rim";
import { ArgumentFields } from "./ArgumentFields";
import { ClassDocs } from "./ClassDocs";
import { Connections } from "./Connections";
import { Field } from "./Field";
import { FormHead, FormProblems } from "./FormHead";
import { TextControl } from "./TextControl";

const OWN_FIELDS = ["layer", "use", "name", "inputs"];

interface Props {
  rim: EditorRim;
  graph: Graph;
  node: GraphNode;
}

/** Returns the edit of an argument of a node, or of a value within it. */
export function argumentEdit(node: GraphNode): (path: Path, value: Json | undefined) => ReturnType<typeof setArgument> {
  return (path, value) => {
    const [key, ...inner] = path.slice(node.path.length);
    return typeof key === "string" && inner.length === 0 ? setArgument(node.id, key, value) : setField(path, value);
  };
}

export function LayerForm({ rim, graph, node }: Props) {
  const isUse = node.uses !== null || node.className === "use";
  const found = findClass(rim.catalogue, LAYERS, node.className);
  return (
    <div className="form-body">
      <FormHead title={node.title} subtitle={isUse ? `calls ${graph.byId.get(node.uses ?? "")?.title ?? "a layer"} again, with the same weights` : node.className} />
      <FormProblems rim={rim} paths={[node.path, [...node.path, "layer"], [...node.path, "use"]]} />
      <Field label="Name" path={path(node, "name")} problems={rim.problems.at([...node.path, "name"])} hint="Only for layers that others refer to">
        {(control) => (
          <TextControl
            control={control}
            value={node.name ?? undefined}
            type="string"
            placeholder={node.title}
            onSet={(name) => void rim.apply(renameLayer(node.id, typeof name === "string" ? name : null))}
          />
        )}
      </Field>
      {!isUse && <ClassField rim={rim} node={node} />}
      <Connections rim={rim} graph={graph} node={node} />
      <OutputField rim={rim} graph={graph} node={node} />
      {!isUse && (
        <>
          <ArgumentFields key={node.className} rim={formRim(rim, argumentEdit(node))} module={LAYERS} name={node.className} value={node.arguments} path={node.path} hidden={OWN_FIELDS} shown={["activation"]} />
          {found && <ClassDocs module={LAYERS} name={found.name} />}
        </>
      )}
    </div>
  );
}

function path(node: GraphNode, key: string): string {
  return [...node.path, key].join(".");
}

/** Makes a layer an output of the network. The only output is replaced by choosing the other one first. */
function OutputField({ rim, graph, node }: Props) {
  const outputs = graph.edges.flatMap(({ source, target, output }) => (graph.byId.get(target)?.kind === "loss" ? [{ node: source, output }] : []));
  const others = outputs.filter((each) => each.node !== node.id);
  const isOutput = others.length < outputs.length;
  const isOnly = isOutput && others.length === 0;
  return (
    <div className="field">
      <label className="check">
        <input type="checkbox" checked={isOutput} disabled={isOnly} onChange={() => void rim.apply(setOutputs(isOutput ? others : [...outputs, { node: node.id, output: null }]))} />
        Output of the network
      </label>
      {isOnly && <p className="hint">The only one. To move it, choose another layer first.</p>}
    </div>
  );
}

function ClassField({ rim, node }: { rim: EditorRim; node: GraphNode }) {
  const id = useId();
  const names = usableClasses(rim.catalogue, LAYERS);
  return (
    <div className="field argument">
      <div className="argument-head">
        <label htmlFor={id}>Class</label>
      </div>
      <select id={id} value={node.className} onChange={(event) => void rim.apply(setLayerClass(node.id, event.target.value))}>
        {!names.includes(node.className) && <option value={node.className}>{node.className || "no class"}</option>}
        {names.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </div>
  );
}
