/** Tries a model that takes no photographs: with a table, with a field for each input, or with a request in JSON. */

import { tensors, type TensorPart as Tensors } from "server-page/tensors.js";
import { useEffect, useRef } from "react";
import { count } from "../../parts/format";
import { partOf, type TryProps } from "./parts";
import { columnsOf, type TableRequest } from "./table";
import { TableForm } from "./TableForm";

export interface TensorPartProps extends TryProps {
  /** Gets the text of the request after each change. */
  onRequest: (text: string) => void;
}

export function TensorPart({ model, client, onKeyRequired, onAnswer, say, onAgain, onRequest }: TensorPartProps) {
  const root = useRef<HTMLDivElement>(null);
  const shown = useRef<Tensors>(undefined);

  useEffect(() => {
    if (!root.current) return undefined;
    const end = new AbortController();
    const part = <T extends Element>(name: string, type: new () => T) => partOf(root.current as Element, name, type);
    const request = part("request", HTMLTextAreaElement);
    request.addEventListener("input", () => onRequest(request.value), { signal: end.signal });
    const found = tensors({
      model,
      elements: {
        form: part("form", HTMLFormElement),
        request,
        fields: part("fields", HTMLElement),
        origin: part("origin", HTMLElement),
        example: part("example", HTMLButtonElement),
        outputs: part("outputs", HTMLElement),
      },
      infer: client.infer,
      refused: ({ message }) => onKeyRequired(message),
      answered: onAnswer,
      say,
      signal: end.signal,
    });
    shown.current = found;
    onAgain(() => void found.again());
    return () => end.abort();
  }, [model, client, onKeyRequired, onAnswer, say, onAgain, onRequest]);

  const askTable = ({ request, samples }: TableRequest) => {
    shown.current?.write(request, `${count(samples, "row")} of the table`);
    void shown.current?.again();
  };

  return (
    <div className="try-tensors" ref={root}>
      <div className="try-inputs">
        {columnsOf(model) !== null && <TableForm model={model} onRequest={askTable} />}
        <section className="card" aria-labelledby="request-title">
          <h2 id="request-title">Request</h2>
          <form data-part="form" noValidate>
            <div className="try-fields" data-part="fields" />
            <div className="field">
              <label htmlFor="request">In JSON</label>
              <textarea
                id="request"
                className="try-request"
                data-part="request"
                rows={14}
                spellCheck={false}
                autoCapitalize="off"
                aria-describedby="request-hint"
              />
              <p id="request-hint" className="hint">
                <span data-part="origin" />, in the form of Open Inference. <kbd>Ctrl</kbd> <kbd>Enter</kbd> asks.
              </p>
            </div>
            <div className="buttons">
              <button type="submit" className="button primary">
                Ask
              </button>
              <button type="button" className="button" data-part="example">
                Example again
              </button>
            </div>
          </form>
        </section>
      </div>
      <section className="card try-answer" aria-labelledby="outputs-title">
        <h2 id="outputs-title">Answer</h2>
        <div className="answers" data-part="outputs" />
      </section>
    </div>
  );
}
