// A field for an argument of Keras, by its type in the catalogue.
import { pathText, type Json, type Path } from "../../../modeler/json";
import { functionNames, type Argument } from "../catalogue";
import type { FormRim } from "./ArgumentFields";
import { Field } from "./Field";
import { ObjectField, OBJECT_TYPES } from "./ObjectField";
import { TextControl } from "./TextControl";
import { placeholderOf } from "./values";

interface Props {
  rim: FormRim;
  name: string;
  argument: Argument;
  value: Json | undefined;
  path: Path;
}

const DTYPES = ["float32", "float16", "bfloat16", "int32", "mixed_float16", "mixed_bfloat16"];

export function ArgumentField({ rim, name, argument, value, path }: Props) {
  const { type } = argument;
  if (type !== undefined && type in OBJECT_TYPES) return <ObjectField rim={rim} name={name} argument={argument} value={value} path={path} />;
  const onSet = (next: Json | undefined) => rim.onSet(path, next);
  return (
    <Field
      label={name}
      path={pathText(path)}
      problems={rim.problems.at(path)}
      isRequired={argument.required}
      hint={hintOf(type)}
      onReset={value !== undefined && !argument.required ? () => onSet(undefined) : undefined}
    >
      {(control) =>
        type === "boolean" && (value === undefined || typeof value === "boolean") ? (
          <select {...control} value={value === undefined ? "" : String(value)} onChange={(event) => onSet(event.target.value === "" ? undefined : event.target.value === "true")}>
            <option value="">{argument.required ? "Choose…" : `default: ${String(argument.default)}`}</option>
            <option value="true">true</option>
            <option value="false">false</option>
          </select>
        ) : (
          <TextControl control={control} value={value} type={type} placeholder={placeholderOf(argument)} choices={choicesOf(rim, name, argument)} onSet={onSet} />
        )
      }
    </Field>
  );
}

function hintOf(type: string | undefined): string | undefined {
  switch (type) {
    case "integers":
    case "numbers":
      return "A number, or a list such as [3, 3]";
    case "list":
      return "A list, such as [a, b]";
    default:
      return undefined;
  }
}

/** Names that Keras uses for an argument of this name. The browser offers them, and any other text can be typed. */
const NAMES: Record<string, readonly string[]> = {
  padding: ["valid", "same", "causal"],
  data_format: ["channels_last", "channels_first"],
  interpolation: ["nearest", "bilinear", "bicubic"],
  reduction: ["sum_over_batch_size", "sum", "mean", "none"],
};

function choicesOf(rim: FormRim, name: string, argument: Argument): readonly string[] {
  if (argument.type === "activation") return functionNames(rim.catalogue, "keras.activations");
  if (argument.type === "dtype") return DTYPES;
  const names = NAMES[name] ?? [];
  return typeof argument.default === "string" && !names.some((each) => each === argument.default) ? [argument.default, ...names] : names;
}
