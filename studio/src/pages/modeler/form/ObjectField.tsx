// An argument that is an object of Keras itself, such as an initializer: its class, and the arguments of that class.
import { pathText, type Json, type Path } from "../../../modeler/json";
import { findClass, shortName, usableClasses, type Argument, type Catalogue } from "../catalogue";
import { ArgumentFields, type FormRim } from "./ArgumentFields";
import { Field } from "./Field";
import { TextControl } from "./TextControl";
import { placeholderOf, recordOf } from "./values";

interface ObjectType {
  module: string;
  /** The key that names the class. */
  key: "name" | "layer";
  /** Whether a number stands for the object, too. */
  takesNumber?: boolean;
}

export const OBJECT_TYPES: Record<string, ObjectType> = {
  initializer: { module: "keras.initializers", key: "name" },
  regularizer: { module: "keras.regularizers", key: "name" },
  constraint: { module: "keras.constraints", key: "name" },
  schedule: { module: "keras.optimizers.schedules", key: "name", takesNumber: true },
  optimizer: { module: "keras.optimizers", key: "name" },
  layer: { module: "keras.layers", key: "layer" },
};

interface Props {
  rim: FormRim;
  name: string;
  argument: Argument;
  value: Json | undefined;
  path: Path;
}

const OTHER = "…";

export function ObjectField({ rim, name, argument, value, path }: Props) {
  const type = OBJECT_TYPES[argument.type ?? ""] ?? { module: "", key: "name" };
  const { catalogue } = rim;
  const record = recordOf(value);
  const written = typeof value === "string" ? value : typeof record[type.key] === "string" ? String(record[type.key]) : "";
  const found = written ? findClass(catalogue, type.module, written) : undefined;
  const isOther = value !== undefined && !found;
  const nested = found ? usefulArguments(catalogue, type, found.name) : 0;
  const standard = placeholderOf(argument);

  function choose(choice: string): void {
    if (choice === "") rim.onSet(path, undefined);
    else if (choice !== OTHER) rim.onSet(path, newObject(catalogue, type, choice));
  }

  /** Sets an argument of the object; a name alone becomes an object first. */
  function setNested(at: Path, next: Json | undefined): void {
    if (typeof value === "string") {
      const key = at[path.length];
      if (next !== undefined && key !== undefined) rim.onSet(path, { [type.key]: value, [key]: next });
    } else {
      rim.onSet(at, next);
    }
  }

  return (
    <div className="object-field">
      <Field
        label={name}
        path={pathText(path)}
        problems={nested > 0 ? rim.problems.exactly([path, [...path, type.key]]) : rim.problems.at(path)}
        isRequired={argument.required}
        onReset={value !== undefined && !argument.required ? () => rim.onSet(path, undefined) : undefined}
      >
        {(control) =>
          type.takesNumber && !found ? (
            <div className="number-or-class">
              <TextControl control={control} value={value} type="number" placeholder={standard} onSet={(next) => rim.onSet(path, next)} />
              <ClassSelect label={`Schedule for ${name}`} names={usableClasses(catalogue, type.module)} value="" first="fixed" onChoose={choose} />
            </div>
          ) : (
            <select {...control} value={found?.name ?? (isOther ? OTHER : "")} onChange={(event) => choose(event.target.value)}>
              <option value="">{argument.required ? "Choose…" : `default: ${standard}`}</option>
              {isOther && <option value={OTHER}>as in the YAML</option>}
              {usableClasses(catalogue, type.module).map((each) => (
                <option key={each} value={each}>
                  {each}
                </option>
              ))}
            </select>
          )
        }
      </Field>
      {found && nested > 0 && (
        <div className="nested" role="group" aria-label={`Arguments of ${name}`}>
          <ArgumentFields key={found.name} rim={{ ...rim, onSet: setNested }} module={type.module} name={found.name} value={record} path={path} hidden={[type.key]} />
        </div>
      )}
    </div>
  );
}

function usefulArguments(catalogue: Catalogue, { module, key }: ObjectType, name: string): number {
  return Object.keys(findClass(catalogue, module, name)?.arguments ?? {}).filter((each) => each !== key).length;
}

/** Returns the shortest notation of an object with its defaults: its short name, or {name: CLASS}. */
function newObject(catalogue: Catalogue, { module, key, takesNumber }: ObjectType, name: string): Json {
  const required = Object.values(findClass(catalogue, module, name)?.arguments ?? {}).some((each) => each.required);
  const short = key === "name" && !takesNumber && !required ? shortName(catalogue, module, name) : undefined;
  return short ?? { [key]: name };
}

function ClassSelect({ label, names, value, first, onChoose }: { label: string; names: readonly string[]; value: string; first: string; onChoose: (name: string) => void }) {
  return (
    <select aria-label={label} value={value} onChange={(event) => onChoose(event.target.value)}>
      <option value="">{first}</option>
      {names.map((name) => (
        <option key={name} value={name}>
          {name}
        </option>
      ))}
    </select>
  );
}
