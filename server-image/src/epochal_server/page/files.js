// Takes files that a user chooses, drops anywhere on the page, or pastes.

/**
 * Calls `taken` with a list of files.
 *
 * `input` is the element that opens the dialog of the browser, `zone` the element that is marked while files are dragged
 * over the page. The page listens until `signal` is aborted.
 */
export function takeFiles({ input, zone, taken, signal }) {
  const listen = (target, name, listener) => target.addEventListener(name, listener, { signal });
  listen(input, "change", () => {
    taken(input.files);
    input.value = ""; // The same file may be chosen again.
  });
  const holds = (event) => event.dataTransfer?.types.includes("Files");
  const over = (is) => zone.classList.toggle("over", is);
  listen(window, "dragover", (event) => {
    if (!holds(event)) return;
    event.preventDefault();
    over(true);
  });
  listen(window, "dragleave", (event) => {
    if (event.relatedTarget === null) over(false);
  });
  listen(window, "drop", (event) => {
    if (!holds(event)) return;
    event.preventDefault();
    over(false);
    taken(event.dataTransfer.files);
  });
  listen(window, "paste", (event) => {
    if (event.clipboardData.files.length === 0) return;
    event.preventDefault();
    taken(event.clipboardData.files);
  });
}
