// Asks a model that takes no photographs: a request as text, and the answer as a table.

import { Refusal, ask } from "./client.js";
import { fields } from "./fields.js";
import { byId, make, say } from "./make.js";
import { shown } from "./outputs.js";
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
function details(answered, seconds) {
  const text = JSON.stringify(answered, null, 1);
  const cut = text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}\n…` : text;
  const took = seconds < 1 ? `${Math.ceil(1000 * seconds)} ms` : `${seconds.toFixed(1)} s`;
  const summary = make("summary", { className: "quiet" }, `Answered in ${took}. As JSON`);
  return make("details", {}, summary, make("pre", { tabIndex: 0, ariaLabel: "Answer as JSON" }, cut));
}

/** Shows the part of the page for tensors. `refused` is told of a Refusal that is about the key. */
export function tensors(model, refused) {
  const outputs = byId("outputs");
  const request = byId("request");
  byId("tensors").hidden = false;
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
  byId("origin").textContent = model.example ? "A stored sample of the training's data" : "Made-up numbers";
  const write = (asking) => {
    request.value = written(asking);
    request.dispatchEvent(new Event("input"));
  };
  const inFields = fields(model, write);
  request.addEventListener("input", () => inFields(request.value));
  const restore = () => {
    abort();
    write(model.example ?? invented(model));
    show(make("p", { className: "quiet" }, "Ask, and the answer stands here."));
  };
  restore();
  byId("example").addEventListener("click", restore);

  async function answer() {
    abort(); // A newer request ends the last one.
    asked = new AbortController();
    const { signal } = asked;
    const wrong = fault(request.value);
    if (wrong) {
      refuse(wrong);
      return;
    }
    const path = `v2/models/${encodeURIComponent(model.name)}/infer`;
    outputs.ariaBusy = "true";
    const began = performance.now();
    try {
      const answered = await ask(path, { type: "application/json", body: request.value, signal });
      const seconds = (performance.now() - began) / 1000;
      const parts = answered.outputs.map((output) => shown(output, model));
      show(...parts.map(({ element }) => element), details(answered, seconds));
      say(`Answered: ${parts.map(({ words }) => words).join("; ")}`);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof Refusal)) throw error;
      refuse(error.message);
      if (error.status === 401) refused(error);
    } finally {
      if (!signal.aborted) outputs.ariaBusy = "false";
    }
  }
  byId("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    answer();
  });
  request.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    answer();
  });
  return answer;
}
