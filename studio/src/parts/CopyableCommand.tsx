// A command of a terminal, with a button that copies it.
import { Fragment, useState } from "react";

export function CopyableCommand({ command }: { command: string }) {
  const [label, setLabel] = useState("Copy");

  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(command);
      setLabel("Copied");
    } catch {
      // Without HTTPS a browser has no clipboard: the text can be selected.
      setLabel("Select and copy");
    }
    window.setTimeout(() => setLabel("Copy"), 3_000);
  }

  return (
    <div className="command">
      <code>
        {command.split(" ").map((word, index) => (
          // Without this a line could end within a flag, after its hyphens.
          <Fragment key={index}>
            {index > 0 && " "}
            <span className="word">{word}</span>
          </Fragment>
        ))}
      </code>
      <button type="button" className="button" onClick={() => void copy()} aria-label={`${label}: ${command}`}>
        <span aria-live="polite">{label}</span>
      </button>
    </div>
  );
}
