// The error and the hint of a field, and the attributes that lead a screen reader to them.
import type { HTMLAttributes } from "react";

interface Props {
  /** Id of the input. */
  id: string;
  error: string | undefined;
  hint: string | undefined;
  /** Whether the error follows an action, such as a submit, so that it is spoken at once. */
  isSpoken?: boolean;
}

/** Returns the attributes of an input with notes. */
export function describedBy({ id, error, hint }: Props): HTMLAttributes<HTMLElement> {
  const ids = [error ? `${id}-error` : "", hint ? `${id}-hint` : ""].filter(Boolean).join(" ");
  return { "aria-invalid": error ? true : undefined, "aria-describedby": ids || undefined };
}

export function FieldNotes({ id, error, hint, isSpoken = false }: Props) {
  return (
    <>
      {error && (
        <p id={`${id}-error`} className="field-error" role={isSpoken ? "alert" : undefined}>
          {error}
        </p>
      )}
      {hint && (
        <p id={`${id}-hint`} className="hint">
          {hint}
        </p>
      )}
    </>
  );
}
