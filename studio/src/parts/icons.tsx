// Icons, drawn in the colour of their text. They stand beside words, so screen readers skip them.
import type { ReactNode } from "react";

export type Shape =
  | "check" | "cross" | "pause" | "ring" | "dots" | "hourglass" | "store" | "warning" | "stop"
  | "more" | "chevron" | "close" | "job" | "experiment" | "server" | "search"
  | "reset" | "plus" | "minus" | "fit" | "undo" | "redo" | "copy" | "paste" | "duplicate" | "trash" | "connect" | "code" | "form";

const PATHS: Record<Shape, ReactNode> = {
  check: <path d="M3 8.5 6.5 12 13 4.5" />,
  cross: <path d="m4 4 8 8m0-8-8 8" />,
  close: <path d="m4 4 8 8m0-8-8 8" />,
  pause: <path d="M5.5 3.5v9m5-9v9" />,
  ring: <path d="M8 2.5A5.5 5.5 0 1 1 2.5 8" />,
  dots: <circle cx="8" cy="8" r="5.5" strokeDasharray="1.6 2.72" />,
  hourglass: <path d="M4 2.5h8M4 13.5h8M5 2.5c0 4 6 3.5 6 11M11 2.5c0 4-6 3.5-6 11" />,
  store: <path d="M8 2.5v7m-3-3 3 3 3-3M3 13h10" />,
  warning: <path d="M8 2.5 14 13H2zM8 6.5v3m0 1.6v.4" />,
  stop: <rect x="4" y="4" width="8" height="8" rx="1" />,
  more: <path d="M3 8h.01M8 8h.01M13 8h.01" strokeWidth="2.4" />,
  chevron: <path d="m6 3.5 4.5 4.5L6 12.5" />,
  job: <path d="M2.5 12.5c3 0 3-9 5.5-9s2 6 5.5 6" />,
  experiment: <path d="M6 2.5h4M6.5 2.5v4L3 13h10L9.5 6.5v-4M5 9.5h6" />,
  server: <path d="M2.5 3h11v4h-11zm0 6h11v4h-11zM5 5h.01M5 11h.01" />,
  reset: <path d="M3 3v3.5h3.5M3.4 6.3A5 5 0 1 1 3 9" />,
  plus: <path d="M8 3v10M3 8h10" />,
  minus: <path d="M3 8h10" />,
  fit: <path d="M2.5 6V2.5H6m4 0h3.5V6m0 4v3.5H10m-4 0H2.5V10" />,
  undo: <path d="M5.5 3 2.5 6l3 3M2.5 6h7a4 4 0 0 1 0 8H6" />,
  redo: <path d="m10.5 3 3 3-3 3M13.5 6h-7a4 4 0 0 0 0 8H10" />,
  copy: <path d="M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3" />,
  paste: <path d="M5 3.5H3v10h10v-10h-2M5.5 2h5v3h-5z" />,
  duplicate: <path d="M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3M9.5 7.5v4m-2-2h4" />,
  trash: <path d="M2.5 4.5h11M6 4.5v-2h4v2M4 4.5l.7 9h6.6l.7-9M6.7 7v4m2.6-4v4" />,
  connect: <path d="M5.5 4.5h-3v-2h3zM13.5 13.5h-3v-2h3zM4 4.5v3.5h8v3.5" />,
  code: <path d="m5.5 4.5-3.5 3.5 3.5 3.5m5-7 3.5 3.5-3.5 3.5" />,
  form: <path d="M2.5 3h11M2.5 8h11M2.5 13h6.5" />,
  search: <path d="M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM10.3 10.3l3.2 3.2" />,
};

export function StateIcon({ shape }: { shape: Shape }) {
  return (
    <svg className={`icon icon-${shape}`} viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      {PATHS[shape]}
    </svg>
  );
}
