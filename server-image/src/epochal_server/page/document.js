// The elements of this page, by their ids.

/** Returns the element of the page that has an id. */
export const byId = (id) => document.getElementById(id);

/** Tells a text to screen readers. */
export function say(text) {
  byId("said").textContent = text;
}
