// Boxes with a command that can be copied.

import { say } from "./document.js";
import { make } from "./make.js";

/** Returns a box with a text, and a button that copies the text as it is then. */
export function copyable(label, text = "") {
  const box = make("pre", { tabIndex: 0, ariaLabel: label }, text);
  const button = make("button", { type: "button", className: "copy" }, "Copy");
  button.addEventListener("click", async () => {
    const words = (await copied(box)) ? "Copied" : "Selected";
    button.textContent = words;
    say(words);
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
  return { box, element: make("div", { className: "copyable" }, box, button) };
}

/** Copies the text of an element, and returns whether it is on the clipboard. If not, the text is selected. */
async function copied(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  } catch {
    // A browser offers the clipboard to pages of HTTPS and of localhost only. Others can copy their selection.
    getSelection().selectAllChildren(element);
    return document.execCommand("copy");
  }
}
