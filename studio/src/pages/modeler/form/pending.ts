// Texts that a user still types. They become edits of the document after a short pause, so that a word is one step of
// undo; saving, undo and every other edit end the pause.
import { createContext, useContext, useEffect, useRef, useState } from "react";
import type { Json } from "../../../modeler/json";
import { isSameValue } from "./values";

type Value = Json | undefined;

/** Pause after which a text is an edit, in milliseconds. */
export const PAUSE = 250;
/** The same for an empty text: it removes its key, and the next text would add the key at the end. */
export const REMOVAL_PAUSE = 1500;

export class PendingTexts {
  readonly #flushes = new Set<() => void>();

  add(flush: () => void): () => void {
    this.#flushes.add(flush);
    return () => this.#flushes.delete(flush);
  }

  /** Makes edits of all texts. */
  flush(): void {
    for (const flush of [...this.#flushes]) flush();
  }
}

export const PendingContext = createContext(new PendingTexts());

export interface PendingText {
  text: string;
  change: (text: string) => void;
  flush: () => void;
}

/** Returns the text of a field.
 *
 * Args:
 *   value: The value in the document.
 *   format: Returns the text of a value.
 *   parse: Returns the value of a text.
 *   onSet: Sets the value in the document.
 */
export function usePendingText(value: Value, format: (value: Value) => string, parse: (text: string) => Value, onSet: (value: Value) => void): PendingText {
  const pending = useContext(PendingContext);
  const [text, setText] = useState(() => format(value));
  const [isTyping, setTyping] = useState(false);
  // Undo, the YAML and other fields change the value, too. A number in a field of texts is never what its text means.
  const shown = format(value);
  if (!isTyping && text !== shown && !isSameValue(parse(text), value)) setText(shown);

  const latest = useRef({ text, value, parse, onSet, isTyping });
  latest.current = { text, value, parse, onSet, isTyping };

  const flush = useRef(() => {
    const now = latest.current;
    if (!now.isTyping) return;
    now.isTyping = false;
    setTyping(false);
    const parsed = now.parse(now.text);
    if (!isSameValue(parsed, now.value)) now.onSet(parsed);
  }).current;

  useEffect(() => {
    if (!isTyping) return undefined;
    const remove = pending.add(flush);
    const isRemoval = latest.current.parse(text) === undefined;
    const timer = window.setTimeout(flush, isRemoval ? REMOVAL_PAUSE : PAUSE);
    return () => {
      window.clearTimeout(timer);
      remove();
    };
  }, [isTyping, text, pending, flush]);

  // A form that closes keeps its last word.
  useEffect(() => flush, [flush]);

  return {
    text,
    change: (next) => {
      setText(next);
      setTyping(true);
      // A key may save before the next draw.
      latest.current = { ...latest.current, text: next, isTyping: true };
    },
    flush,
  };
}
