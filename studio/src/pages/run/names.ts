/** Names of objects that get a Service. */

const MAX_NAME = 63;

/** Returns why a text cannot be the name of a ModelServer; empty if it can. The API server has the last word. */
export function nameProblem(text: string): string {
  if (text === "") return "Type a name.";
  if (text.length > MAX_NAME) return `The name has ${text.length} characters; at most ${MAX_NAME} are allowed.`;
  if (!/^[a-z]([-a-z0-9]*[a-z0-9])?$/u.test(text)) {
    return "Use small letters, digits and hyphens. Begin with a letter, and end with a letter or digit, as in digits-2.";
  }
  return "";
}
