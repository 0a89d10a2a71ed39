// The page of a model: what it is, and what it answers.

import { Refusal, ask, key } from "./client.js";
import { byId, make, say } from "./make.js";
import { photographs } from "./photographs.js";
import { tensors } from "./tensors.js";

const IMAGES = {
  Digit: "The digit is found, set light on dark, cropped and centred, as those of MNIST are.",
  Resize: "A photograph is turned upright, cropped or padded, and resized.",
};
let again = null; // Asks once more what was asked last; null while the model is not known.

function shape({ dtype, shape: [, ...axes] }) {
  return `${dtype} (${["n", ...axes.map((axis) => (axis < 0 ? "any" : axis))].join(", ")})`;
}

function about(model) {
  document.title = model.name;
  byId("name").textContent = model.name;
  byId("version").textContent = `version ${model.version}`;
  const facts = [
    ...model.inputs.map((input) => [`Input ${input.name}`, shape(input)]),
    ...model.outputs.map((output) => [`Output ${output.name}`, shape(output)]),
    ["Classes", model.classes?.join(", ")],
    ["Photographs", IMAGES[model.images]],
    ["Computed by", model.runtime],
  ];
  const told = facts.filter(([, fact]) => fact).flatMap(([term, fact]) => [make("dt", {}, term), make("dd", {}, fact)]);
  byId("facts").replaceChildren(...told);
  byId("curl").textContent = command(model);
  byId("about").hidden = false;
}

function command(model) {
  const base = new URL(".", document.baseURI);
  const [data, type, path] =
    model.images === "None"
      ? ["--data @request.json", "application/json", `v2/models/${model.name}/infer`]
      : ["--data-binary @photo.jpg", "image/jpeg", "predict"];
  const lines = [`curl ${data} -H 'Content-Type: ${type}'`, new URL(path, base)];
  if (key.get()) lines.splice(1, 0, '-H "Authorization: Bearer $KEY"');
  return lines.join(" \\\n  ");
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
    about(model);
    if (again) again();
    else again = (model.images === "None" ? tensors : photographs)(model, askForKey);
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
