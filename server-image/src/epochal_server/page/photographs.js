// Sends drawings and photographs to a model, and shows its answers.

import { card, sentence } from "./answers.js";
import { takeFiles } from "./files.js";
import { bytes, make } from "./make.js";
import { Pad } from "./pad.js";
import { Refusal } from "./refusal.js";

const PAUSE = 350; // Milliseconds after a stroke: a digit may have a second one.

const TYPES = { jpg: "image/jpeg", jpeg: "image/jpeg", png: "image/png", webp: "image/webp" };
const typeOf = (file) => file.type || TYPES[file.name.split(".").at(-1).toLowerCase()] || "application/octet-stream";

/**
 * Makes the elements for photographs work, and returns a function that sends the last photographs or drawing again.
 *
 * `elements` has `answers`, `several` (a checkbox), `files` (a file input) and `drop`; for a model of digits also `pad`
 * (a canvas), `undo` and `clear`. `predict(body, type, { several, signal })` returns the answer of /predict, or throws
 * Refusal. `refused` gets a Refusal with status 401. `answered` is called after each answer. `say` gets texts for
 * screen readers. Everything ends when `signal` is aborted.
 */
export function photographs({ model, elements, predict, refused, answered = () => {}, say, signal }) {
  const { answers, several, files: input, drop } = elements;
  const draws = model.images === "Digit";
  const toDo = draws ? "Draw a digit, or choose a photograph of one." : "Choose a photograph.";
  const hint = make("p", { className: "quiet" }, toDo);
  answers.replaceChildren(hint);

  let asked = new AbortController(); // The request in flight: a newer one ends it.
  let sources = []; // URLs of the pictures shown.
  const revoke = () => sources.splice(0).forEach((url) => URL.revokeObjectURL(url));
  signal?.addEventListener("abort", () => {
    asked.abort();
    revoke();
  });

  function begin() {
    asked.abort();
    asked = new AbortController();
    return asked.signal;
  }

  async function answerTo(shown, body, type, ended) {
    try {
      const answer = await predict(body, type, { several: several.checked, signal: ended });
      const found = answer.predictions ?? [answer];
      shown.answer(found);
      answered();
      return sentence(found);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      shown.refuse(error.message);
      if (error.status === 401) refused(error);
      return error.message;
    }
  }

  async function askDrawing(pad) {
    const ended = begin();
    if (pad.empty) {
      answers.replaceChildren(hint);
      say("The pad is empty.");
      return;
    }
    const body = await pad.picture();
    const shown = card("", several.checked ? source(body) : undefined);
    const words = await answerTo(shown, body, "image/png", ended);
    if (ended.aborted) return;
    answers.replaceChildren(shown.article);
    say(words);
  }

  async function askFiles(files) {
    const ended = begin();
    revoke();
    const shown = files.map((file) => card(file.name, source(file)));
    answers.replaceChildren(...shown.map(({ article }) => article));
    answers.scrollIntoView({ block: "nearest" });
    const all = [];
    for (const [index, file] of files.entries()) {
      const most = model.limits.request_bytes;
      if (file.size > most) {
        // The server would close the connection amid the file, and no browser shows its message then.
        const message = `This photograph has ${bytes(file.size)}, and the model takes ${bytes(most)}: make it smaller.`;
        shown[index].refuse(message);
        all.push(`${file.name}: ${message}`);
        continue;
      }
      all.push(`${file.name}: ${await answerTo(shown[index], file, typeOf(file), ended)}`);
    }
    say(all.join(". "));
  }

  function source(blob) {
    const url = URL.createObjectURL(blob);
    sources.push(url);
    return url;
  }

  const quietly = (promise) =>
    promise.catch((error) => {
      if (error.name !== "AbortError") throw error;
    });
  let again = () => {};
  function taken(list) {
    const files = [...list];
    if (files.length === 0) return;
    again = () => quietly(askFiles(files));
    again();
  }

  if (draws) {
    const { undo, clear } = elements;
    const pad = new Pad(elements.pad, signal);
    let timer;
    pad.addEventListener("pen", ({ detail }) => say(detail));
    pad.addEventListener("change", () => {
      undo.disabled = clear.disabled = pad.empty;
      clearTimeout(timer);
      again = () => quietly(askDrawing(pad));
      timer = setTimeout(again, pad.empty ? 0 : PAUSE);
    });
    signal?.addEventListener("abort", () => clearTimeout(timer));
    undo.addEventListener("click", () => pad.undo(), { signal });
    clear.addEventListener("click", () => pad.clear(), { signal });
  }
  several.addEventListener("change", () => again(), { signal });
  takeFiles({ input, zone: drop, taken, signal });
  return () => again();
}
