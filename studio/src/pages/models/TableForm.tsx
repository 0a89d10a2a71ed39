/** A table for a model: pasted, typed, or opened from a CSV file. */

import { useId, useState, type ChangeEvent, type FormEvent } from "react";
import type { PageModel } from "server-page/model";
import { bytes } from "server-page/make.js";
import { MAX_CHARACTERS } from "./csv";
import { columnsText, readTable, TableError, type TableRequest } from "./table";

export interface TableFormProps {
  model: PageModel;
  onRequest: (found: TableRequest) => void;
}

export function TableForm({ model, onRequest }: TableFormProps) {
  const [text, setText] = useState("");
  const [wrong, setWrong] = useState("");
  const [found, setFound] = useState<TableRequest>();
  const id = useId();
  const unused = found?.unused ?? [];

  function ask(table: string): void {
    setFound(undefined);
    setWrong("");
    try {
      const request = readTable(table, model);
      setFound(request);
      onRequest(request);
    } catch (error) {
      if (!(error instanceof TableError)) throw error;
      setWrong(error.message);
    }
  }

  async function open({ target }: ChangeEvent<HTMLInputElement>): Promise<void> {
    const [file] = target.files ?? [];
    // The same file may be chosen again.
    target.value = "";
    if (!file) return;
    if (file.size > 4 * MAX_CHARACTERS) {
      setWrong(`${file.name} has ${bytes(file.size)}. Open a file of at most ${bytes(MAX_CHARACTERS)}.`);
      return;
    }
    try {
      const content = await file.text();
      setText(content.slice(0, MAX_CHARACTERS));
      ask(content);
    } catch {
      setWrong(`The browser cannot read ${file.name}. Check whether it still exists, and open it again.`);
    }
  }

  function submit(event: FormEvent): void {
    event.preventDefault();
    ask(text);
  }

  return (
    <section className="card" aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}>Table</h2>
      <form onSubmit={submit} noValidate>
        <div className="field">
          <label htmlFor={`${id}-text`}>Rows of a table</label>
          <textarea
            id={`${id}-text`}
            className="try-request"
            rows={4}
            value={text}
            maxLength={MAX_CHARACTERS}
            spellCheck={false}
            autoCapitalize="off"
            aria-invalid={wrong !== ""}
            aria-describedby={`${id}-hint`}
            onChange={(event) => setText(event.target.value)}
          />
          <p id={`${id}-hint`} className="hint">
            Paste cells of a spreadsheet, or open a CSV file. A row is a sample: {columnsText(model)}. The first row may
            have names.
          </p>
        </div>
        {wrong && (
          <p className="field-error" role="alert">
            {wrong}
          </p>
        )}
        {found?.isInOrder && (
          <p className="hint" role="status">
            The columns are taken in the order of the model: {columnsText(model)}.
          </p>
        )}
        {unused.length > 0 && (
          <p className="hint" role="status">
            The model does not use {unused.length === 1 ? "the column" : "the columns"} {unused.join(", ")}.
          </p>
        )}
        <div className="buttons">
          <button type="submit" className="button primary">
            Ask about the table
          </button>
          <span className="file-button">
            <input type="file" id={`${id}-file`} accept=".csv,.tsv,.txt,text/csv,text/tab-separated-values,text/plain" onChange={(event) => void open(event)} />
            <label htmlFor={`${id}-file`} className="button">
              Open a CSV file
            </label>
          </span>
        </div>
      </form>
    </section>
  );
}
