// A folder of a bucket: folders and files, by pages. Arrows move in the list, Enter opens, Backspace leads up.
import { useEffect, useRef, useState, type KeyboardEvent } from "react";
import { StateIcon } from "../../parts/icons";
import { formatTime } from "../../parts/format";
import { Loaded } from "../run/Loaded";
import { readableBytes } from "../run/sizes";
import { useResource } from "../run/useResource";
import type { StoredObjects } from "../../wire";
import { baseName } from "./dataChoice";
import { nextPosition } from "./listKeys";

interface Props {
  bucket: string;
  folder: string;
  query: URLSearchParams;
  /** Another version reads the folder again. */
  version: unknown;
  selected: string | null;
  onFolder: (folder: string) => void;
  onFile: (key: string) => void;
}

export function FolderView(props: Props) {
  const { bucket, folder, query, version } = props;
  // The tokens of the pages before this one: each answer has that of the next page alone.
  const [pages, setPages] = useState<readonly string[]>([]);
  const all = new URLSearchParams(query);
  all.set("prefix", folder);
  const after = pages.at(-1);
  if (after !== undefined) all.set("after", after);
  const found = useResource<StoredObjects>(`/api/buckets/${encodeURIComponent(bucket)}?${all}`, version);
  return (
    <Loaded resource={found} name={`the folder ${folder || bucket}`}>
      {(data) => (
        <>
          <Entries {...props} data={data} page={pages.length} />
          {(pages.length > 0 || data.next) && (
            <div className="pager" role="group" aria-label="Pages of the folder">
              <button type="button" className="button" disabled={pages.length === 0} onClick={() => setPages(pages.slice(0, -1))}>
                Back
              </button>
              <span className="hint" role="status">
                Page {pages.length + 1}
              </span>
              <button type="button" className="button" disabled={!data.next} onClick={() => data.next && setPages([...pages, data.next])}>
                Next
              </button>
            </div>
          )}
        </>
      )}
    </Loaded>
  );
}

function Entries({ folder, data, page, selected, onFolder, onFile }: Props & { data: StoredObjects; page: number }) {
  const list = useRef<HTMLUListElement>(null);
  const keys = [...data.folders, ...data.objects.map(({ key }) => key)];
  const [position, setPosition] = useState(0);
  const current = Math.min(position, Math.max(keys.length - 1, 0));

  useEffect(() => setPosition(0), [folder, page]);

  function move(event: KeyboardEvent): void {
    if (event.key === "Backspace" && folder) {
      event.preventDefault();
      onFolder(parentOf(folder));
      return;
    }
    const next = keys.length > 0 ? nextPosition(event.key, current, keys.length) : undefined;
    if (next === undefined) return;
    event.preventDefault();
    setPosition(next);
    list.current?.querySelectorAll("button")[next]?.focus();
  }

  if (keys.length === 0) return <p className="quiet folder-empty">{page > 0 ? "There is nothing more." : "This folder is empty. Upload a file, or choose another folder."}</p>;
  return (
    <ul ref={list} className="entries" aria-label="Folders and files" onKeyDown={move}>
      {data.folders.map((each, index) => (
        <li key={each}>
          <button type="button" className="entry" tabIndex={index === current ? 0 : -1} onFocus={() => setPosition(index)} onClick={() => onFolder(each)}>
            <FolderIcon />
            <span className="entry-name">{baseName(each)}</span>
            <span className="visually-hidden">folder</span>
            <StateIcon shape="chevron" />
          </button>
        </li>
      ))}
      {data.objects.map(({ key, size, modified }, index) => (
        <li key={key}>
          <button
            type="button"
            className="entry"
            tabIndex={data.folders.length + index === current ? 0 : -1}
            aria-pressed={key === selected}
            onFocus={() => setPosition(data.folders.length + index)}
            onClick={() => onFile(key)}
          >
            <FileIcon />
            <span className="entry-name">{baseName(key)}</span>
            <span className="entry-size">{readableBytes(size)}</span>
            {modified && <span className="entry-time">{formatTime(modified)}</span>}
          </button>
        </li>
      ))}
    </ul>
  );
}

/** Returns the folder above a folder; empty for the top of the bucket. */
export function parentOf(folder: string): string {
  return folder.slice(0, folder.replace(/\/$/u, "").lastIndexOf("/") + 1);
}

function FolderIcon() {
  return (
    <svg className="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d="M1.5 4.5v8h13v-6.500h-7l-1.500-2h-4.500z" />
    </svg>
  );
}

function FileIcon() {
  return (
    <svg className="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d="M4 1.500h5.500l3 3v10h-8.500zM9.500 1.500v3h3" />
    </svg>
  );
}
