// The docstring of a class, from the checker, as plain text.
import { useState } from "react";
import { ProblemBox } from "../../../parts/ProblemBox";
import { useClassText } from "../catalogue";

export function ClassDocs({ module, name }: { module: string; name: string }) {
  const [isOpen, setOpen] = useState(false);
  const { text, problem } = useClassText(module, name, isOpen);
  return (
    <details className="class-docs" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Documentation of {name}</summary>
      {text === undefined && !problem && <p role="status">Loading…</p>}
      {problem && <ProblemBox problem={problem} tone="warning" />}
      {text && (
        <pre tabIndex={0} role="region" aria-label={`Documentation of ${name}`}>
          {text}
        </pre>
      )}
      {text === "" && !problem && <p className="hint">Keras has no text for {name}.</p>}
    </details>
  );
}
