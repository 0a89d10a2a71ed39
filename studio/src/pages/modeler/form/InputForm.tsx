// The form of an input of the network: shape and type of a sample.
import { removeInput, setField, setInput } from "../../../modeler/edits/fields";
import type { Graph, GraphNode } from "../../../modeler/graph/types";
import { pathText, type Json } from "../../../modeler/json";
import { valueAt, type EditorRim } from "../editor/rim";
import { Field } from "./Field";
import { FormHead } from "./FormHead";
import { TextControl } from "./TextControl";

interface Props {
  rim: EditorRim;
  graph: Graph;
  node: GraphNode;
}

const DTYPES = ["float32", "int32", "int64", "uint8", "string"];

export function InputForm({ rim, graph, node }: Props) {
  const inputs = [...graph.byId.values()].filter((each) => each.kind === "input");
  const isNamed = node.path.includes("inputs");
  const at = (key: string) => [...node.path, key];
  const value = (key: string): Json | undefined => valueAt(rim, at(key));

  function setShape(shape: Json | undefined): void {
    const isShape = Array.isArray(shape) && shape.every((size) => typeof size === "number");
    // Another value is written as it is: the check says what a shape is.
    void rim.apply(isShape ? setInput(node.index, { shape: shape as number[] }) : setField(at("shape"), shape));
  }

  return (
    <div className="form-body">
      <FormHead title={node.title} subtitle="Input of the network" />
      {isNamed && (
        <Field label="Name" path={pathText(at("name"))} problems={rim.problems.at(at("name"))} hint="Also the name of its array in the data" isRequired>
          {(control) => <TextControl control={control} value={node.name ?? undefined} type="string" onSet={(name) => void rim.apply(setInput(node.index, { name: typeof name === "string" ? name : "" }))} />}
        </Field>
      )}
      <Field label="Shape" path={pathText(at("shape"))} problems={rim.problems.at(at("shape"))} hint="Of one sample, such as [28, 28, 1]; -1 is an axis of any length" isRequired>
        {(control) => <TextControl control={control} value={value("shape")} placeholder="[28, 28, 1]" onSet={setShape} />}
      </Field>
      <Field
        label="Type"
        path={pathText(at("dtype"))}
        problems={rim.problems.at(at("dtype"))}
        onReset={value("dtype") === undefined ? undefined : () => void rim.apply(setInput(node.index, { dtype: undefined }))}
      >
        {(control) => (
          <TextControl control={control} value={value("dtype")} type="string" placeholder="float32" choices={DTYPES} onSet={(dtype) => void rim.apply(setInput(node.index, { dtype: typeof dtype === "string" ? dtype : undefined }))} />
        )}
      </Field>
      {inputs.length > 1 && (
        <button type="button" className="button" onClick={() => void rim.apply(removeInput(node.index))}>
          Remove this input
        </button>
      )}
    </div>
  );
}
