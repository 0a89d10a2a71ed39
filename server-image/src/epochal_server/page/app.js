// The page of a model: its description, and its answers.

import { ask, key } from "./client.js";
import { command } from "./command.js";
import { copyable } from "./copy.js";
import { byId, say } from "./document.js";
import { facts } from "./facts.js";
import { make } from "./make.js";
import { photographs } from "./photographs.js";
import { Refusal } from "./refusal.js";
import { tensors } from "./tensors.js";

let again = null; // Sends the last request again; null while the model is not known.

function about(model) {
  document.title = model.name;
  byId("name").textContent = model.name;
  byId("version").textContent = `version ${model.version}`;
  byId("facts").replaceChildren(...facts(model));
  const terminal = copyable("Command");
  const tell = () => {
    const header = key.get() ? '-H "Authorization: Bearer $KEY"' : "";
    const address = new URL(".", document.baseURI).href;
    terminal.box.textContent = command(model, byId("request").value, { address, header });
  };
  byId("request").oninput = tell;
  byId("terminal").replaceChildren(terminal.element);
  byId("about").hidden = false;
  return tell;
}

function askForKey({ message }) {
  const form = byId("key");
  form.hidden = false;
  byId("key-why").textContent = `${message} The one that you type in is kept until this tab is closed.`;
  say(message);
  byId("key-value").focus();
}

function predict(body, type, { several, signal }) {
  return ask(`predict?show=true${several ? "&several=true" : ""}`, { type, body, signal });
}

/** Shows the part of the page for a model, and returns the function that sends the last request again. */
function part(model) {
  const found = (...ids) => Object.fromEntries(ids.map((id) => [id, byId(id)]));
  if (model.images === "None") {
    byId("tensors").hidden = false;
    const path = `v2/models/${encodeURIComponent(model.name)}/infer`;
    const infer = (body, { signal }) => ask(path, { type: "application/json", body, signal });
    const elements = { ...found("request", "fields", "origin", "example", "outputs"), form: byId("ask") };
    return tensors({ model, elements, infer, refused: askForKey, say }).again;
  }
  byId("photographs").hidden = false;
  byId("drawing").hidden = byId("several-option").hidden = model.images !== "Digit";
  const elements = found("answers", "several", "files", "drop", "pad", "undo", "clear");
  return photographs({ model, elements, predict, refused: askForKey, say });
}

async function open() {
  try {
    const model = await ask("page/model.json");
    byId("key").hidden = true;
    const tell = about(model);
    if (again) again();
    else again = part(model);
    tell();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.status === 401) askForKey(error);
    else trouble(error);
  }
}

function trouble({ message }) {
  const retry = make("button", { type: "button" }, "Try again");
  const words = make("p", { className: "refusal", role: "alert" }, message);
  const told = make("section", { className: "card" }, words, make("div", { className: "row" }, retry));
  retry.addEventListener("click", () => {
    told.remove();
    open();
  });
  byId("main").prepend(told);
}

byId("key").addEventListener("submit", (event) => {
  event.preventDefault();
  key.set(byId("key-value").value.trim());
  byId("key-value").value = "";
  open();
});
open();
