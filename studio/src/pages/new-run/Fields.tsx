// Inputs for fields of the document, with the descriptions of the CRDs and the errors of the check.
import { useId, useState } from "react";
import { describedBy, FieldNotes } from "../../parts/FieldNotes";
import { field } from "../run/objectFields";
import { keysOf, set as setIn } from "./document";
import { defaultOf, fieldOf, hintOf, shown, textOf } from "./fieldTexts";
import { useForm } from "./form";
import { problemAt } from "./problems";

/** Maximum suggestions of an input. */
const MAX_SUGGESTIONS = 200;

export interface FieldProps {
  /** Path in the TrainingJob, such as training.epochs; with isSearch in the Experiment. */
  path: string;
  label: string;
  hint?: string;
  isSearch?: boolean;
}

interface TextProps extends FieldProps {
  /** Converts the typed text. */
  parse?: (text: string) => unknown;
  suggestions?: readonly string[];
  placeholder?: string;
  inputMode?: "numeric" | "decimal" | "text";
}

/** Returns the value of a field, a function that sets it, its error and its hint. */
export function useField({ path, hint, isSearch = false }: FieldProps) {
  const { view, checked, set, edit } = useForm();
  const value = field(isSearch ? view.search : view.job, path);
  const error = problemAt(checked?.problems ?? [], path)?.message;
  const change = (next: unknown) => {
    if (isSearch) edit((document) => setIn(document, ["spec", ...keysOf(path)], next));
    else set(path, next);
  };
  return { value, change, error, hint: hint ?? hintOf(fieldOf(path, isSearch)) };
}

export function TextField(props: TextProps) {
  const { value, change, error, hint } = useField(props);
  return <TextInput {...props} value={shown(value)} error={error} hint={hint} onChange={(text) => change((props.parse ?? textOf)(text))} />;
}

interface TextInputProps extends Omit<TextProps, "path" | "parse" | "hint"> {
  value: string;
  hint?: string | undefined;
  error?: string | undefined;
  onChange: (text: string) => void;
}

/** An input that keeps the typed text, such as `0.`, until it loses the focus: the document has its value, such as 0. */
export function TextInput({ label, value, error, hint, suggestions, placeholder, inputMode, onChange }: TextInputProps) {
  const id = useId();
  const [typed, setTyped] = useState<string | null>(null);
  const offered = suggestions?.slice(0, MAX_SUGGESTIONS) ?? [];
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        value={typed ?? value}
        placeholder={placeholder}
        inputMode={inputMode}
        list={offered.length > 0 ? `${id}-list` : undefined}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        maxLength={1024}
        onChange={(event) => {
          setTyped(event.target.value);
          onChange(event.target.value);
        }}
        onBlur={() => setTyped(null)}
        {...describedBy({ id, error, hint })}
      />
      {offered.length > 0 && (
        <datalist id={`${id}-list`}>
          {offered.map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
      )}
      <FieldNotes id={id} error={error} hint={hint} />
    </div>
  );
}

interface SelectProps extends FieldProps {
  options?: readonly string[];
  /** Text of the choice that removes the field. */
  none?: string;
}

export function SelectField(props: SelectProps) {
  const { value, change, error, hint } = useField(props);
  const about = fieldOf(props.path, props.isSearch);
  const fallback = defaultOf(about);
  const none = props.none ?? (fallback === undefined ? "Not set" : `Default: ${fallback}`);
  return (
    <SelectInput label={props.label} hint={props.hint ? hint : hintOf(about, shown(value) || fallback)} error={error} value={shown(value)} options={props.options ?? about.options ?? []} none={none} onChange={(text) => change(text || undefined)} />
  );
}

interface SelectInputProps {
  label: string;
  value: string;
  options: readonly string[];
  /** Text of the empty choice; without it there is none. */
  none?: string;
  hint?: string;
  error?: string | undefined;
  onChange: (value: string) => void;
}

export function SelectInput({ label, value, options, none, hint, error, onChange }: SelectInputProps) {
  const id = useId();
  const isUnknown = value !== "" && !options.includes(value);
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => onChange(event.target.value)} {...describedBy({ id, error, hint })}>
        {(none !== undefined || value === "") && <option value="">{none ?? "Choose"}</option>}
        {isUnknown && <option value={value}>{value}</option>}
        {options.map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
      </select>
      <FieldNotes id={id} error={error} hint={hint} />
    </div>
  );
}

export function CheckField(props: FieldProps) {
  const id = useId();
  const { value, change, error, hint } = useField(props);
  const fallback = fieldOf(props.path, props.isSearch).default === true;
  const isChecked = typeof value === "boolean" ? value : fallback;
  return (
    <div className="field">
      <label className="check">
        <input type="checkbox" checked={isChecked} onChange={(event) => change(event.target.checked === fallback ? undefined : event.target.checked)} {...describedBy({ id, error, hint })} />
        {props.label}
      </label>
      <FieldNotes id={id} error={error} hint={hint} />
    </div>
  );
}
