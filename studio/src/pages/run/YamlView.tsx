/** The object as YAML: to read, copy and download. */

import { useState } from "react";

/** Time for which the address of a download stays valid, in milliseconds. */
const KEPT = 60_000;

export interface YamlViewProps {
  yaml: string;
  /** Name of the downloaded file. */
  file: string;
}

export function YamlView({ yaml, file }: YamlViewProps) {
  const [message, setMessage] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(yaml);
      setMessage("Copied.");
    } catch {
      setMessage("The browser does not allow copying: select the text, or download it.");
    }
  };
  return (
    <>
      <div className="toolbar">
        <button type="button" className="button" onClick={() => void copy()}>
          Copy
        </button>
        <button type="button" className="button" onClick={() => download(yaml, file)}>
          Download
        </button>
        <span role="status" className="hint">
          {message}
        </span>
      </div>
      <pre className="code" tabIndex={0} role="group" aria-label={file}>
        {yaml}
      </pre>
    </>
  );
}

function download(text: string, file: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: "application/yaml" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = file;
  link.click();
  // Some browsers read the address after the click.
  setTimeout(() => URL.revokeObjectURL(address), KEPT);
}
