// A text field whose value is in the document.
import { useId } from "react";
import type { Json } from "../../../modeler/json";
import type { ControlProps } from "./Field";
import { usePendingText } from "./pending";
import { textOf, valueOf } from "./values";

interface Props {
  control: ControlProps;
  value: Json | undefined;
  /** Type of the catalogue, or `string` for a text that stands for itself. */
  type?: string | undefined;
  placeholder?: string | undefined;
  /** Texts that the browser offers. */
  choices?: readonly string[];
  onSet: (value: Json | undefined) => void;
}

export function TextControl({ control, value, type, placeholder, choices, onSet }: Props) {
  const list = useId();
  const { text, change, flush } = usePendingText(value, textOf, (next) => valueOf(next, type), onSet);
  const isNumber = type === "integer" || type === "number";
  return (
    <>
      <input
        {...control}
        className={type === "string" ? undefined : "code-input"}
        value={text}
        placeholder={placeholder}
        inputMode={isNumber ? "decimal" : undefined}
        list={choices ? list : undefined}
        autoCapitalize="none"
        autoComplete="off"
        spellCheck={false}
        maxLength={16_000}
        onChange={(event) => change(event.target.value)}
        onBlur={flush}
        onKeyDown={(event) => {
          if (event.key === "Enter") flush();
        }}
      />
      {choices && (
        <datalist id={list}>
          {choices.map((choice) => (
            <option key={choice} value={choice} />
          ))}
        </datalist>
      )}
    </>
  );
}
