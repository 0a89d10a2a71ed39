/** Tries a model with photographs and drawings. The server's page has the logic, and Studio the frame around it. */

import { photographs } from "server-page/photographs.js";
import { useEffect, useRef } from "react";
import { partOf, type TryProps } from "./parts";

export function PhotographPart({ model, client, onKeyRequired, onAnswer, say, onAgain }: TryProps) {
  const root = useRef<HTMLDivElement>(null);
  const draws = model.images === "Digit";

  useEffect(() => {
    if (!root.current) return undefined;
    const end = new AbortController();
    const part = <T extends Element>(name: string, type: new () => T) => partOf(root.current as Element, name, type);
    const again = photographs({
      model,
      elements: {
        answers: part("answers", HTMLElement),
        several: part("several", HTMLInputElement),
        files: part("files", HTMLInputElement),
        drop: part("drop", HTMLElement),
        ...(draws && {
          pad: part("pad", HTMLCanvasElement),
          undo: part("undo", HTMLButtonElement),
          clear: part("clear", HTMLButtonElement),
        }),
      },
      predict: client.predict,
      refused: ({ message }) => onKeyRequired(message),
      answered: onAnswer,
      say,
      signal: end.signal,
    });
    onAgain(again);
    return () => end.abort();
  }, [model, draws, client, onKeyRequired, onAnswer, say, onAgain]);

  return (
    <div className="try-photographs" ref={root}>
      {draws && <DrawingCard />}
      <section className="card try-answer" aria-labelledby="answer-title">
        <h2 id="answer-title">Answer</h2>
        <div className="answers" data-part="answers" />
      </section>
      <section className="card" aria-labelledby="photographs-title">
        <h2 id="photographs-title">Photographs</h2>
        <div className="photograph-choice" data-part="drop">
          <input type="file" id="photographs" data-part="files" accept="image/jpeg,image/png,image/webp" multiple />
          <label htmlFor="photographs" className="button">
            Choose photographs
          </label>
          <p className="hint">or drop them here, or paste one</p>
        </div>
        <label className="check try-several" hidden={!draws}>
          <input type="checkbox" data-part="several" />
          Several digits on one sheet
        </label>
      </section>
    </div>
  );
}

function DrawingCard() {
  return (
    <section className="card" aria-labelledby="drawing-title">
      <h2 id="drawing-title">Draw a digit</h2>
      <canvas
        className="pad"
        data-part="pad"
        tabIndex={0}
        role="application"
        aria-label="Drawing pad"
        aria-describedby="pad-keys"
      />
      <p id="pad-keys" className="pad-keys hint">
        Keys: the arrows move the pen, <kbd>Space</kbd> sets it down and lifts it, <kbd>Backspace</kbd> takes a stroke
        back, <kbd>Delete</kbd> all.
      </p>
      <div className="buttons">
        <button type="button" className="button" data-part="undo" disabled>
          Undo
        </button>
        <button type="button" className="button" data-part="clear" disabled>
          Clear
        </button>
      </div>
    </section>
  );
}
