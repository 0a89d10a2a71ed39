// The page of a model: what it is, and what it answers.

import { Refusal, ask, key } from "./client.js";
import { command } from "./command.js";
import { copyable } from "./copy.js";
import { byId, make, say } from "./make.js";
import { photographs } from "./photographs.js";
import { tensors } from "./tensors.js";

const IMAGES = {
  Digit: "The digit is found, set light on dark, cropped and centred, as those of MNIST are.",
  Resize: "A photograph is turned upright, cropped or padded, and resized.",
};
let again = null; // Asks once more what was asked last; null while the model is not known.

function shape({ name, dtype, shape: [, ...axes] }) {
  const type = `${dtype} (${["n", ...axes.map((axis) => (axis < 0 ? "any" : axis))].join(", ")})`;
  return [name, ", ", make("span", { className: "whole" }, type)];
}

function about(model) {
  document.title = model.name;
  byId("name").textContent = model.name;
  byId("version").textContent = `version ${model.version}`;
  const several = model.outputs.length > 1;
  const facts = [
    ...model.inputs.map((input) => ["Input", shape(input)]),
    ...model.outputs.map((output) => ["Output", shape(output)]),
    ...model.outputs.map(({ name, classes }) => [several ? `Classes of ${name}` : "Classes", classes?.join(", ")]),
    ["Photographs", IMAGES[model.images]],
    ["Computed by", model.runtime],
  ];
  const told = facts.filter(([, fact]) => fact).flatMap(([term, fact]) => [make("dt", {}, term), make("dd", {}, ...[fact].flat())]);
  byId("facts").replaceChildren(...told);
  const terminal = copyable("Command");
  const tell = () => (terminal.box.textContent = command(model, byId("request").value));
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

async function open() {
  try {
    const model = await ask("page/model.json");
    byId("key").hidden = true;
    const tell = about(model);
    if (again) again();
    else again = (model.images === "None" ? tensors : photographs)(model, askForKey);
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
