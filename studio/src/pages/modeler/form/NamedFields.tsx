// A loss, metric or optimizer: a name alone, or its class with arguments.
import { functionNames, findClass, usableClasses } from "../catalogue";
import { pathText, type Json, type Path } from "../../../modeler/json";
import { ArgumentFields, type FormRim } from "./ArgumentFields";
import { ClassDocs } from "./ClassDocs";
import { Field } from "./Field";
import { recordOf } from "./values";

interface Props {
  rim: FormRim;
  label: string;
  module: string;
  value: Json | undefined;
  path: Path;
  /** Class that holds without a value. */
  standard?: string;
  isRequired?: boolean;
  hasDocs?: boolean;
}

/** Names that Keras takes in place of a class, such as accuracy, whose class depends on the loss. */
const EXTRA: Record<string, readonly string[]> = { "keras.metrics": ["accuracy", "acc", "crossentropy"] };

export function NamedFields({ rim, label, module, value, path, standard, isRequired = false, hasDocs = false }: Props) {
  const record = recordOf(value);
  const written = typeof value === "string" ? value : typeof record["name"] === "string" ? record["name"] : "";
  const classes = usableClasses(rim.catalogue, module);
  const extra = EXTRA[module] ?? [];
  const found = written && !extra.includes(written) ? findClass(rim.catalogue, module, written) : undefined;
  const shown = found?.name ?? written;
  const others = [...extra, ...functionNames(rim.catalogue, module).filter((name) => name === name.toLowerCase())];
  const className = found?.name ?? (written ? undefined : standard);

  function setArguments(at: Path, next: Json | undefined): void {
    const key = at[path.length];
    if (typeof value === "object" && value !== null) rim.onSet(at, next);
    else if (typeof key === "string" && next !== undefined) rim.onSet(path, { name: written || (standard ?? ""), [key]: next });
  }

  return (
    <div className="named-fields">
      <Field
        label={label}
        path={pathText(path)}
        problems={rim.problems.exactly([path, [...path, "name"]])}
        isRequired={isRequired}
        onReset={value !== undefined && !isRequired ? () => rim.onSet(path, undefined) : undefined}
      >
        {(control) => (
          <select
            {...control}
            value={shown}
            // The arguments belong to the old class, so they go with it.
            onChange={(event) => rim.onSet(path, event.target.value || undefined)}
          >
            <option value="">{standard ? `default: ${standard}` : "Choose…"}</option>
            {shown && !classes.includes(shown) && !others.includes(shown) && <option value={shown}>{shown}</option>}
            {classes.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
            {others.length > 0 && (
              <optgroup label="Short names">
                {others.map((name) => (
                  <option key={name} value={name}>
                    {name}
                  </option>
                ))}
              </optgroup>
            )}
          </select>
        )}
      </Field>
      {className && (
        <ArgumentFields key={className} rim={{ ...rim, onSet: setArguments }} module={module} name={className} value={record} path={path} hidden={["name"]} shown={["learning_rate"]} />
      )}
      {className && hasDocs && <ClassDocs module={module} name={className} />}
    </div>
  );
}
