/** The live log of a run in a virtual list, with a search. */

import { useVirtualizer } from "@tanstack/react-virtual";
import { type FormEvent, type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from "react";
import { ProblemNote } from "./ProblemNote";
import { allLines, findLines, splitMatches } from "./logLines";
import { type Log, type OpenLog, useLog } from "./useLog";

const LINE_HEIGHT = 20;
const OVERSCAN = 20;
/** Distance to the end, in pixels, at which the list still follows. */
const END = 4;

export interface LogViewProps {
  open: OpenLog;
  isRunning: boolean;
  /** Address of the whole log. */
  download: string;
  /** Name of the downloaded file. */
  file: string;
}

export function LogView({ open, isRunning, download, file }: LogViewProps) {
  const [retry, setRetry] = useState(0);
  const log = useLog(open, isRunning, retry);
  const lines = useMemo(() => allLines(log.lines), [log.lines]);
  const [isFollowing, setIsFollowing] = useState(true);
  const [search, setSearch] = useState("");
  const [match, setMatch] = useState(0);
  const matches = useMemo(() => findLines(lines, search), [lines, search]);
  const field = useId();
  const current = matches.length > 0 ? matches[Math.min(match, matches.length - 1)] : undefined;

  const show = (next: number) => {
    if (matches.length === 0) return;
    setIsFollowing(false);
    setMatch((next + matches.length) % matches.length);
  };
  const onSearch = (event: FormEvent) => {
    event.preventDefault();
    show(match + 1);
  };

  if (log.state === "refused" && log.problem && lines.length === 0) {
    return <ProblemNote title="The log cannot be shown." problem={log.problem} onRetry={() => setRetry(retry + 1)} />;
  }
  return (
    <>
      <div className="toolbar">
        <form role="search" className="log-search" onSubmit={onSearch}>
          <label htmlFor={field}>Search</label>
          <input
            id={field}
            type="search"
            value={search}
            onChange={(event) => {
              setSearch(event.target.value);
              setMatch(0);
            }}
          />
          <button type="button" className="button" disabled={matches.length === 0} onClick={() => show(match - 1)}>
            Previous
          </button>
          <button type="submit" className="button" disabled={matches.length === 0}>
            Next
          </button>
          <span className="hint" role="status">
            {search !== "" && matchText(match, matches.length)}
          </span>
        </form>
        <label className="check">
          <input type="checkbox" checked={isFollowing} onChange={(event) => setIsFollowing(event.target.checked)} />{" "}
          Follow
        </label>
        <a className="button" href={download} download={file}>
          Download
        </a>
      </div>
      <LogLinesView
        lines={lines}
        first={log.lines.first}
        search={search}
        current={current}
        isFollowing={isFollowing}
        onFollow={setIsFollowing}
      />
      <p className="hint" role="status">
        {stateText(log)}
      </p>
    </>
  );
}

interface LinesProps {
  lines: readonly string[];
  first: number;
  search: string;
  current: number | undefined;
  isFollowing: boolean;
  onFollow: (isFollowing: boolean) => void;
}

function LogLinesView({ lines, first, search, current, isFollowing, onFollow }: LinesProps) {
  const box = useRef<HTMLDivElement>(null);
  const list = useVirtualizer({
    count: lines.length,
    getScrollElement: () => box.current,
    estimateSize: () => LINE_HEIGHT,
    overscan: OVERSCAN,
  });

  useEffect(() => {
    if (isFollowing && lines.length > 0) list.scrollToIndex(lines.length - 1, { align: "end" });
  }, [lines, isFollowing, list]);
  useEffect(() => {
    if (current !== undefined) list.scrollToIndex(current, { align: "center" });
  }, [current, list]);

  // Whoever scrolls up wants to read; whoever scrolls to the end wants to follow.
  const onWheelOrKey = () => {
    const element = box.current;
    if (element) onFollow(element.scrollHeight - element.scrollTop - element.clientHeight <= END);
  };
  const onKeyUp = (event: KeyboardEvent) => {
    if (event.key.startsWith("Arrow") || event.key.startsWith("Page") || event.key === "Home" || event.key === "End") {
      onWheelOrKey();
    }
  };
  return (
    <div
      ref={box}
      className="log"
      tabIndex={0}
      role="log"
      aria-live="off"
      aria-label="Log"
      onWheel={() => requestAnimationFrame(onWheelOrKey)}
      onTouchMove={() => requestAnimationFrame(onWheelOrKey)}
      onKeyUp={onKeyUp}
      // The scrollbar is a part of the box; the lines are not.
      onMouseDown={(event) => event.target === event.currentTarget && onFollow(false)}
    >
      <div className="log-lines" style={{ height: list.getTotalSize() }}>
        {list.getVirtualItems().map((item) => (
          <div
            key={item.key}
            ref={list.measureElement}
            data-index={item.index}
            className={`log-line ${item.index === current ? "is-current" : ""}`}
            style={{ transform: `translateY(${item.start}px)` }}
          >
            <span className="log-number" aria-hidden="true">
              {first + item.index + 1}
            </span>
            <span className="log-text">
              <Line text={lines[item.index] ?? ""} search={search} />
            </span>
          </div>
        ))}
      </div>
    </div>
  );
}

function Line({ text, search }: { text: string; search: string }) {
  if (search === "") return text;
  return splitMatches(text, search).map((part, index) =>
    part.isMatch ? <mark key={index}>{part.text}</mark> : <span key={index}>{part.text}</span>,
  );
}

function matchText(match: number, matches: number): string {
  return matches === 0 ? "No line" : `Line ${Math.min(match, matches - 1) + 1} of ${matches}`;
}

function stateText(log: Log): string {
  const omitted =
    log.lines.first > 0 ? ` The first ${log.lines.first} lines of the stream are in the download alone.` : "";
  switch (log.state) {
    case "loading":
      return "Loading the log …";
    case "following":
      return `New lines appear at the end.${omitted}`;
    case "ended":
      return `End of the log.${omitted}`;
    case "lost":
      return `The connection is lost. Studio connects again. The last lines stay.${omitted}`;
    case "refused":
      return `The log ends here: ${log.problem?.message ?? ""} ${log.problem?.remedy ?? ""}`;
  }
}
