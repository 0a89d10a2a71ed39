// Icons, drawn in the colour of their text. They stand beside words, so screen readers skip them.
import type { ReactNode } from "react";

export type Shape =
  | "check" | "cross" | "pause" | "ring" | "dots" | "hourglass" | "store" | "warning" | "stop"
  | "more" | "chevron" | "close" | "job" | "experiment" | "server" | "search";

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
  search: <path d="M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM10.3 10.3l3.2 3.2" />,
};

export function StateIcon({ shape }: { shape: Shape }) {
  return (
    <svg className={`icon icon-${shape}`} viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      {PATHS[shape]}
    </svg>
  );
}
