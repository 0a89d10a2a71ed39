/** Elements of a page that the parts of the server's page make work. */

/** Returns the element that `data-part` names; throws if it is missing or of another type. */
export function partOf<T extends Element>(root: Element, name: string, type: new () => T): T {
  const found = root.querySelector(`[data-part="${name}"]`);
  if (!(found instanceof type)) throw new Error(`The page has no ${type.name} with data-part="${name}".`);
  return found;
}

/** What a page gives to the parts of a model. */
export interface TryProps {
  model: import("server-page/model").PageModel;
  client: import("./predict").Client;
  /** Called with the message of an answer without a valid key. */
  onKeyRequired: (message: string) => void;
  /** Called after each answer. */
  onAnswer: () => void;
  /** Gets a text for screen readers. */
  say: (text: string) => void;
  /** Gets the function that sends the last request again. */
  onAgain: (again: () => void) => void;
}
