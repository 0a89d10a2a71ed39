// A field of the TrainingJob's spec, such as training.epochs.
import { setSpecField } from "../../../modeler/edits/fields";
import { pathText, type Path } from "../../../modeler/json";
import { specPath, valueAt, type EditorRim } from "../editor/rim";
import { Field } from "./Field";
import { TextControl } from "./TextControl";

interface Props {
  rim: EditorRim;
  label: string;
  path: Path;
  type?: string;
  hint?: string;
  placeholder?: string;
  choices?: readonly string[];
  isRequired?: boolean;
}

export function SpecField({ rim, label, path, type, hint, placeholder, choices, isRequired = false }: Props) {
  const full = specPath(rim, path);
  const value = valueAt(rim, full);
  return (
    <Field
      label={label}
      path={pathText(full)}
      problems={rim.problems.at(full)}
      hint={hint}
      isRequired={isRequired}
      onReset={value !== undefined && !isRequired ? () => void rim.apply(setSpecField(path, undefined)) : undefined}
    >
      {(control) => (
        <TextControl control={control} value={value} type={type} placeholder={placeholder} {...(choices ? { choices } : {})} onSet={(next) => void rim.apply(setSpecField(path, next))} />
      )}
    </Field>
  );
}
