/** The facts about a model, and the command that asks it from a terminal. */

import { command } from "server-page/command.js";
import { facts } from "server-page/facts.js";
import type { PageModel } from "server-page/model";
import { useEffect, useMemo, useRef, useState } from "react";

export interface AboutModelProps {
  model: PageModel;
  /** Text of the request, for a model that takes no photographs. */
  request: string;
  /** Address of the server in the cluster; empty if it is unknown. */
  address: string;
  hasKey: boolean;
}

export function AboutModel({ model, request, address, hasKey }: AboutModelProps) {
  const list = useRef<HTMLDListElement>(null);
  useEffect(() => list.current?.replaceChildren(...facts(model)), [model]);
  const text = useMemo(() => {
    if (!URL.canParse(address)) return "";
    return command(model, request, { address: `${address}/`, header: hasKey ? '-H "X-API-Key: $KEY"' : "" });
  }, [model, request, address, hasKey]);
  return (
    <section className="card about-model" aria-labelledby="about-title">
      <div>
        <h2 id="about-title">This model</h2>
        <dl className="facts" ref={list} />
      </div>
      {text && (
        <div>
          <h2>From a pod of the cluster</h2>
          <Copyable text={text} />
        </div>
      )}
    </section>
  );
}

function Copyable({ text }: { text: string }) {
  const [message, setMessage] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setMessage("Copied.");
    } catch {
      setMessage("The browser does not allow copying: select the text.");
    }
  };
  return (
    <>
      <pre className="code try-command" tabIndex={0} role="group" aria-label="Command">
        {text}
      </pre>
      <div className="toolbar">
        <button type="button" className="button" onClick={() => void copy()}>
          Copy the command
        </button>
        <span role="status" className="hint">
          {message}
        </span>
      </div>
    </>
  );
}
