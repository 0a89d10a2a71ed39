// Messages beside the pages: notices that are seen, and sentences that only a screen reader speaks.
import { useEffect, useSyncExternalStore } from "react";
import { StateIcon } from "./icons";

/** Time between two sentences of the live region, in milliseconds: more would interrupt each other. */
export const PAUSE = 4_000;
/** Time for which a notice stays, in milliseconds. */
const SHOWN = 8_000;
const MAX_NOTICES = 3;

interface Notice {
  id: number;
  text: string;
}

let notices: readonly Notice[] = [];
let spoken = "";
let nextId = 1;
let waiting: string[] = [];
let timer: number | undefined;
const listeners = new Set<() => void>();

function emit(): void {
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Shows the result of an action. */
export function notify(text: string): void {
  notices = [...notices, { id: nextId++, text }].slice(-MAX_NOTICES);
  emit();
}

function dismiss(id: number): void {
  notices = notices.filter((notice) => notice.id !== id);
  emit();
}

/** Returns one sentence for many changes: the last ones by name, and the number of the others. */
export function summarize(sentences: readonly string[]): string {
  const last = sentences.slice(-3);
  const others = sentences.length - last.length;
  return others > 0 ? `${last.join(". ")}. And ${others} more changes.` : `${last.join(". ")}.`;
}

function speak(): void {
  timer = undefined;
  if (waiting.length === 0) return;
  spoken = summarize(waiting);
  waiting = [];
  timer = window.setTimeout(speak, PAUSE);
  emit();
}

/** Has a screen reader speak sentences, together with others of the same few seconds. */
export function announce(sentences: readonly string[]): void {
  waiting.push(...sentences);
  timer ??= window.setTimeout(speak, 300);
}

export function LiveRegion() {
  const text = useSyncExternalStore(subscribe, () => spoken);
  return (
    <div className="visually-hidden" role="status" aria-live="polite">
      {text}
    </div>
  );
}

export function Notices() {
  const shown = useSyncExternalStore(subscribe, () => notices);
  return (
    <div className="notices" role="status" aria-live="polite">
      {shown.map((notice) => (
        <NoticeBox key={notice.id} notice={notice} />
      ))}
    </div>
  );
}

function NoticeBox({ notice }: { notice: Notice }) {
  useEffect(() => {
    const timeout = window.setTimeout(() => dismiss(notice.id), SHOWN);
    return () => window.clearTimeout(timeout);
  }, [notice.id]);
  return (
    <div className="notice">
      <StateIcon shape="check" />
      <span>{notice.text}</span>
      <button type="button" className="button icon-button" aria-label="Dismiss" onClick={() => dismiss(notice.id)}>
        <StateIcon shape="close" />
      </button>
    </div>
  );
}
