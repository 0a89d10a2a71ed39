// The arguments of a class: required ones first, then those that the document sets, and the others on demand.
import { useState } from "react";
import type { Json, JsonObject, Path } from "../../../modeler/json";
import { findClass, type Argument, type Catalogue } from "../catalogue";
import { ArgumentField } from "./ArgumentField";
import { groupArguments } from "./values";
import type { FieldProblems } from "./problems";

export interface FormRim {
  catalogue: Catalogue;
  problems: FieldProblems;
  /** Sets a value of the document; undefined removes it. */
  onSet: (path: Path, value: Json | undefined) => void;
}

/** With the class as `key`: another class has other fields. */
interface Props {
  rim: FormRim;
  module: string;
  name: string;
  value: JsonObject;
  path: Path;
  /** Fields that the form shows elsewhere. */
  hidden: readonly string[];
  /** Arguments that are shown before they are set. */
  shown?: readonly string[];
}

export function ArgumentFields({ rim, module, name, value, path, hidden, shown = [] }: Props) {
  const found = findClass(rim.catalogue, module, name);
  const known = found?.arguments ?? {};
  // A field keeps its place while the form is open. One that moves when its text ends takes the focus, or the click below it, away.
  const [opened] = useState(() => Object.keys(value));
  const { first, rest } = groupArguments(known, hidden, [...opened, ...shown]);
  const unknown = [...new Set([...opened, ...Object.keys(value)])].filter((key) => !(key in known) && !hidden.includes(key));
  const field = ([argumentName, argument]: [string, Argument]) => (
    <ArgumentField key={argumentName} rim={rim} name={argumentName} argument={argument} value={value[argumentName]} path={[...path, argumentName]} />
  );
  const isNeeded = rest.some(([argumentName]) => argumentName in value || rim.problems.at([...path, argumentName]).length > 0);
  return (
    <div className="arguments">
      {first.map(field)}
      {unknown.map((key) => field([key, {}]))}
      {rest.length > 0 && (
        <details className="more-arguments" open={isNeeded || undefined}>
          <summary>
            {rest.length} more {rest.length === 1 ? "argument" : "arguments"} with defaults
          </summary>
          <div className="arguments">{rest.map(field)}</div>
        </details>
      )}
    </div>
  );
}
