// Takes drawings and photographs, and asks about them.

import { card, sentence } from "./answers.js";
import { Refusal, ask } from "./client.js";
import { byId, bytes, make, say } from "./make.js";
import { Pad } from "./pad.js";

const PAUSE = 350; // Milliseconds after a stroke: a digit may have a second one.

const TYPES = { jpg: "image/jpeg", jpeg: "image/jpeg", png: "image/png", webp: "image/webp" };
const typeOf = (file) => file.type || TYPES[file.name.split(".").at(-1).toLowerCase()] || "application/octet-stream";

async function predict(body, type, signal) {
  const several = byId("several").checked ? "&several=true" : "";
  const answer = await ask(`predict?show=true${several}`, { type, body, signal });
  return answer.predictions ?? [answer];
}

/** Shows the part of the page for photographs. `refused` is told of a Refusal that is about the key. */
export function photographs(model, refused) {
  const answers = byId("answers");
  const draws = model.images === "Digit";
  byId("photographs").hidden = false;
  byId("drawing").hidden = !draws;
  byId("several-option").hidden = !draws;
  const toDo = draws ? "Draw a digit, or choose a photograph of one." : "Choose a photograph.";
  const hint = make("p", { className: "quiet" }, toDo);
  answers.replaceChildren(hint);

  let asked = new AbortController(); // What is asked now: a newer question puts an end to it.
  let sources = []; // URLs of the pictures shown.

  function begin() {
    asked.abort();
    asked = new AbortController();
    return asked.signal;
  }

  async function answerTo(shown, body, type, signal) {
    try {
      const found = await predict(body, type, signal);
      shown.answer(found);
      return sentence(found);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      shown.refuse(error.message);
      if (error.status === 401) refused(error);
      return error.message;
    }
  }

  async function aboutDrawing(pad) {
    const signal = begin();
    if (pad.empty) {
      answers.replaceChildren(hint);
      say("The pad is empty.");
      return;
    }
    const body = await pad.picture();
    const shown = card("", byId("several").checked ? source(body) : undefined);
    const words = await answerTo(shown, body, "image/png", signal);
    if (signal.aborted) return;
    answers.replaceChildren(shown.article);
    say(words);
  }

  async function aboutFiles(files) {
    const signal = begin();
    for (const url of sources.splice(0)) URL.revokeObjectURL(url);
    const shown = files.map((file) => card(file.name, source(file)));
    answers.replaceChildren(...shown.map(({ article }) => article));
    answers.scrollIntoView({ block: "nearest" });
    const all = [];
    for (const [index, file] of files.entries()) {
      const most = model.limits.request_bytes;
      if (file.size > most) {
        // The server would close the connection amid the file, and no browser shows what it says then.
        const message = `This photograph has ${bytes(file.size)}, and the model takes ${bytes(most)}: make it smaller.`;
        shown[index].refuse(message);
        all.push(`${file.name}: ${message}`);
        continue;
      }
      all.push(`${file.name}: ${await answerTo(shown[index], file, typeOf(file), signal)}`);
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
  const askFiles = (list) => {
    const files = [...list];
    if (files.length === 0) return;
    again = () => quietly(aboutFiles(files));
    again();
  };

  if (draws) {
    const pad = new Pad(byId("pad"));
    let timer;
    pad.addEventListener("pen", ({ detail }) => say(detail));
    pad.addEventListener("change", () => {
      byId("undo").disabled = byId("clear").disabled = pad.empty;
      clearTimeout(timer);
      again = () => quietly(aboutDrawing(pad));
      timer = setTimeout(again, pad.empty ? 0 : PAUSE);
    });
    byId("undo").addEventListener("click", () => pad.undo());
    byId("clear").addEventListener("click", () => pad.clear());
  }
  byId("several").addEventListener("change", () => again());
  takeFiles(askFiles);
  return () => again();
}

/** Takes files that are chosen, dropped anywhere on the page, or pasted. */
function takeFiles(taken) {
  const input = byId("files");
  input.addEventListener("change", () => {
    taken(input.files);
    input.value = ""; // The same file may be chosen again.
  });
  const holds = (event) => event.dataTransfer?.types.includes("Files");
  const over = (is) => byId("drop").classList.toggle("over", is);
  addEventListener("dragover", (event) => {
    if (!holds(event)) return;
    event.preventDefault();
    over(true);
  });
  addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) over(false);
  });
  addEventListener("drop", (event) => {
    if (!holds(event)) return;
    event.preventDefault();
    over(false);
    taken(event.dataTransfer.files);
  });
  addEventListener("paste", (event) => {
    if (event.clipboardData.files.length === 0) return;
    event.preventDefault();
    taken(event.clipboardData.files);
  });
}
