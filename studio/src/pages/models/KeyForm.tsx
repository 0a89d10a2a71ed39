/** Asks for the key of a ModelServer. Only the memory of this tab keeps it. */

import { useEffect, useId, useRef, useState, type FormEvent } from "react";

export interface KeyFormProps {
  /** Why a key is needed. */
  message: string;
  onKey: (key: string) => void;
}

export function KeyForm({ message, onKey }: KeyFormProps) {
  const [text, setText] = useState("");
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), [message]);

  function submit(event: FormEvent): void {
    event.preventDefault();
    const key = text.trim();
    setText("");
    if (key !== "") onKey(key);
  }

  return (
    <form className="card key-form" onSubmit={submit} noValidate>
      <div className="field">
        <label htmlFor={id}>Key of the server</label>
        <div className="key-row">
          <input
            id={id}
            ref={field}
            type="password"
            value={text}
            autoComplete="off"
            spellCheck={false}
            aria-describedby={`${id}-hint`}
            onChange={(event) => setText(event.target.value)}
          />
          <button type="submit" className="button primary">
            Use the key
          </button>
        </div>
        <p id={`${id}-hint`} className="hint">
          <span role="alert">{message}</span> Studio keeps the key in the memory of this tab, and nowhere else.
        </p>
      </div>
    </form>
  );
}
