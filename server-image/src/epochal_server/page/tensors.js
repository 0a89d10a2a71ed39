// Sends the request in a text field to a model that takes no photographs, and shows the answer as a table.

import { fields } from "./fields.js";
import { make } from "./make.js";
import { shown } from "./outputs.js";
import { Refusal } from "./refusal.js";
import { invented, written } from "./request.js";

const MOST_CHARACTERS = 20_000; // Of an answer as JSON.

/** Returns where in a text JSON breaks off, in words, or "" if it does not. */
function fault(text) {
  try {
    JSON.parse(text);
    return "";
  } catch (error) {
    return `The request is no JSON: ${error.message}`;
  }
}

/** Returns an answer as JSON, which is hidden at first, and the time that it took. */
function details(answer, seconds) {
  const text = JSON.stringify(answer, null, 1);
  const cut = text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}\n…` : text;
  const took = seconds < 1 ? `${Math.ceil(1000 * seconds)} ms` : `${seconds.toFixed(1)} s`;
  const summary = make("summary", { className: "quiet" }, `Answered in ${took}. As JSON`);
  return make("details", {}, summary, make("pre", { tabIndex: 0, ariaLabel: "Answer as JSON" }, cut));
}

/**
 * Makes the elements for tensors work.
 *
 * `elements` has `form`, `request` (its text area), `fields`, `origin`, `example` (a button) and `outputs`.
 * `infer(body, { signal })` returns the answer to a request of Open Inference, or throws Refusal. `refused` gets a
 * Refusal with status 401. `answered` is called after each answer. `say` gets texts for screen readers. Everything ends
 * when `signal` is aborted.
 *
 * Returns functions: `again` sends the request in the text field, `write` replaces it, with words for its origin.
 */
export function tensors({ model, elements, infer, refused, answered = () => {}, say, signal }) {
  const { form, request, outputs, origin, example } = elements;
  const show = (...parts) => outputs.replaceChildren(...parts);
  const refuse = (message) => {
    show(make("p", { className: "refusal" }, message));
    say(message);
  };
  let asked = new AbortController();
  /** Ends the request that waits for its answer, if there is one. */
  const abort = () => {
    asked.abort();
    outputs.ariaBusy = "false";
  };
  signal?.addEventListener("abort", abort);
  const write = (found) => {
    request.value = written(found);
    request.dispatchEvent(new Event("input"));
  };
  const inFields = fields(elements.fields, model, write);
  request.addEventListener("input", () => inFields(request.value), { signal });
  const restore = () => {
    abort();
    origin.textContent = model.example ? "A stored sample of the training's data" : "Made-up numbers";
    write(model.example ?? invented(model));
    show(make("p", { className: "quiet" }, "Ask, and the answer appears here."));
  };
  restore();
  example.addEventListener("click", restore, { signal });

  async function again() {
    abort(); // A newer request ends the last one.
    asked = new AbortController();
    const { signal: ended } = asked;
    const wrong = fault(request.value);
    if (wrong) {
      refuse(wrong);
      return;
    }
    outputs.ariaBusy = "true";
    const began = performance.now();
    try {
      const answer = await infer(request.value, { signal: ended });
      const seconds = (performance.now() - began) / 1000;
      const parts = answer.outputs.map((output) => shown(output, model));
      show(...parts.map(({ element }) => element), details(answer, seconds));
      outputs.scrollIntoView({ block: "nearest" });
      say(`Answered: ${parts.map(({ words }) => words).join("; ")}`);
      answered();
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof Refusal)) throw error;
      refuse(error.message);
      if (error.status === 401) refused(error);
    } finally {
      if (!ended.aborted) outputs.ariaBusy = "false";
    }
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    again();
  }, { signal });
  request.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    again();
  }, { signal });
  return {
    again,
    write(found, words) {
      abort();
      write(found);
      origin.textContent = words;
    },
  };
}
