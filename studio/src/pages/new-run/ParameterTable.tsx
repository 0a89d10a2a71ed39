// The parameters of a search as rows: path, kind of values, and range.
import { useRef } from "react";
import { announce } from "../../parts/announcements";
import { StateIcon } from "../../parts/icons";
import { keysOf, set } from "./document";
import { numberOf, textOf } from "./fieldTexts";
import { SelectInput, TextInput } from "./Fields";
import { useForm } from "./form";
import { chooseDomain, parametersOf, removeParameter, type Domain, type Parameter } from "./parameters";
import { problemAt } from "./problems";

const DOMAINS: Record<Domain, string> = { float: "Numbers", int: "Whole numbers", values: "List of values" };

export function ParameterTable() {
  const { view, edit } = useForm();
  const heading = useRef<HTMLHeadingElement>(null);
  const search = view.search ?? {};
  const parameters = parametersOf(search);
  return (
    <div className="parameters">
      <h3 ref={heading} tabIndex={-1}>
        Parameters
      </h3>
      {parameters.length === 0 && <p className="quiet">There is none yet: add one below.</p>}
      <ul>
        {parameters.map((each, index) => (
          <li key={index}>
            <Row
              parameter={each}
              index={index}
              onRemove={() => {
                edit((document) => removeParameter(document, search, index));
                announce([`The parameter ${each.name} is removed`]);
                heading.current?.focus();
              }}
            />
          </li>
        ))}
      </ul>
    </div>
  );
}

function Row({ parameter, index, onRemove }: { parameter: Parameter; index: number; onRemove: () => void }) {
  const { edit, checked } = useForm();
  const { name, paths, domain, min, max, isLog, values, when } = parameter;
  const change = (path: string, value: unknown) => edit((document) => set(document, ["spec", "parameters", index, ...keysOf(path)], value));
  const bound = (text: string) => (domain === "int" ? numberOf(text) : textOf(text));
  const problem = problemAt(checked?.problems ?? [], `parameters[${index}]`);
  return (
    <fieldset className="parameter">
      <legend className="visually-hidden">Parameter {name}</legend>
      <div className="parameter-fields is-names">
        <TextInput label="Name" value={name} onChange={(text) => change("name", text.trim())} />
        <TextInput label="Path" value={paths.join(", ")} hint={when || undefined} onChange={(text) => change("paths", listOf(text))} />
        <button type="button" className="button icon-button" aria-label={`Remove the parameter ${name}`} onClick={onRemove}>
          <StateIcon shape="close" />
        </button>
      </div>
      <div className="parameter-fields">
        <SelectInput
          label="Values"
          value={DOMAINS[domain]}
          options={Object.values(DOMAINS)}
          onChange={(text) => {
            const next = (Object.keys(DOMAINS) as Domain[]).find((each) => DOMAINS[each] === text);
            if (next && next !== domain) edit((document) => chooseDomain(document, index, parameter, next));
          }}
        />
        {domain === "values" ? (
          <TextInput label="List" value={values.join(", ")} hint="With commas between them." onChange={(text) => change("values", listOf(text))} />
        ) : (
          <>
            <TextInput label="From" value={min} inputMode="decimal" onChange={(text) => change(`${domain}.min`, bound(text))} />
            <TextInput label="To" value={max} inputMode="decimal" onChange={(text) => change(`${domain}.max`, bound(text))} />
            <label className="check">
              <input
                type="checkbox"
                checked={isLog}
                onChange={(event) =>
                  edit((document) => {
                    const path = ["spec", "parameters", index, domain];
                    set(document, [...path, "scale"], event.target.checked ? "Log" : undefined);
                    // The API has no steps on a logarithmic scale.
                    if (event.target.checked) set(document, [...path, "step"], undefined);
                  })
                }
              />
              Logarithmic
            </label>
          </>
        )}
      </div>
      {problem && <p className="field-error">{problem.message}</p>}
    </fieldset>
  );
}

function listOf(text: string): string[] {
  return text.split(",").map((each) => each.trim()).filter(Boolean);
}
