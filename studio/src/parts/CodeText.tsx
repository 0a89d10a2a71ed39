/** A text with the code spans of Markdown, such as the description of a template from the comment of its YAML. */

/** Shows the parts between backticks as code. A backtick without a partner stays as it is. */
export function CodeText({ text }: { text: string }) {
  return text.split(/(`[^`]+`)/u).map((part, index) => (index % 2 === 1 ? <code key={index}>{part.slice(1, -1)}</code> : part));
}
