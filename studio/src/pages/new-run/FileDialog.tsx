// Chooses a file of a bucket: buckets, folders, uploads, and a preview of the selected file.
import { useId, useRef, useState } from "react";
import { Dialog } from "../../parts/Dialog";
import { Loaded } from "../run/Loaded";
import { useResource } from "../run/useResource";
import type { Buckets, Preview } from "../../wire";
import { folderOf } from "./dataChoice";
import { SelectInput } from "./Fields";
import { FolderView } from "./FolderView";
import { PreviewView, TableNote } from "./PreviewView";
import { UploadList } from "./UploadList";
import type { Uploads } from "./useUploads";

interface Props {
  title: string;
  /** The query that names the storage. */
  query: URLSearchParams;
  bucket: string | null;
  /** The key that is chosen now. */
  chosen: string | null;
  uploads: Uploads;
  onChoose: (bucket: string, key: string) => void;
  onClose: () => void;
}

export function FileDialog({ title, query, bucket: first, chosen, uploads, onChoose, onClose }: Props) {
  const [bucket, setBucket] = useState(first ?? "");
  const [folder, setFolder] = useState(chosen ? folderOf(chosen) : "");
  const [selected, setSelected] = useState<string | null>(null);
  const preview = usePreview(query, bucket, selected, uploads.stored);
  const isTable = preview.data?.format === "csv";

  const open = (next: string) => {
    setBucket(next);
    setFolder("");
    setSelected(null);
  };
  return (
    <Dialog title={title} onClose={onClose} isWide>
      <div className="dialog-body file-dialog">
        <BucketChoice query={query} bucket={bucket} onBucket={open} />
        {bucket && (
          <div className="browser">
            <div className="browser-list">
              <div className="browser-head">
                <Crumbs bucket={bucket} folder={folder} onFolder={setFolder} />
                <UploadButton folder={folder || bucket} onFiles={(files) => uploads.add(files, bucket, folder, query)} />
              </div>
              <UploadList uploads={uploads} />
              <FolderView key={`${bucket}/${folder}`} bucket={bucket} folder={folder} query={query} version={uploads.stored} selected={selected} onFolder={setFolder} onFile={setSelected} />
            </div>
            <div className="browser-preview" aria-live="polite">
              {selected ? (
                <>
                  <Loaded resource={preview} name="the preview">
                    {(data) => <PreviewView preview={data} />}
                  </Loaded>
                  {isTable && <TableNote />}
                </>
              ) : (
                <p className="quiet">Select a file to see its shapes, classes and first samples.</p>
              )}
            </div>
          </div>
        )}
        <div className="buttons end">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="button" className="button primary" disabled={!selected || isTable} onClick={() => selected && onChoose(bucket, selected)}>
            Use this file
          </button>
        </div>
      </div>
    </Dialog>
  );
}

/**
 * Returns the preview of an object; nothing is requested without one.
 *
 * @param version - Another version requests the preview again: an upload may have replaced the object.
 */
export function usePreview(query: URLSearchParams | null, bucket: string | null, key: string | null, version: number) {
  const all = new URLSearchParams(query ?? "");
  all.set("key", key ?? "");
  return useResource<Preview>(query && bucket && key ? `/api/buckets/${encodeURIComponent(bucket)}/preview?${all}` : null, version);
}

function BucketChoice({ query, bucket, onBucket }: { query: URLSearchParams; bucket: string; onBucket: (bucket: string) => void }) {
  const buckets = useResource<Buckets>(`/api/buckets?${query}`);
  return (
    <Loaded resource={buckets} name="the buckets">
      {(data) =>
        data.buckets ? (
          <SelectInput label="Bucket" value={bucket} options={data.buckets} onChange={onBucket} />
        ) : (
          <TypedBucket bucket={bucket} onBucket={onBucket} />
        )
      }
    </Loaded>
  );
}

/** The keys of some storages may not list the buckets. */
function TypedBucket({ bucket, onBucket }: { bucket: string; onBucket: (bucket: string) => void }) {
  const id = useId();
  const [text, setText] = useState(bucket);
  return (
    <form
      className="field"
      onSubmit={(event) => {
        event.preventDefault();
        onBucket(text.trim());
      }}
    >
      <label htmlFor={id}>Bucket</label>
      <span className="with-button">
        <input id={id} value={text} onChange={(event) => setText(event.target.value)} aria-describedby={`${id}-hint`} autoCapitalize="none" autoComplete="off" spellCheck={false} maxLength={63} />
        <button type="submit" className="button">
          Open
        </button>
      </span>
      <span id={`${id}-hint`} className="hint">
        These keys may not list buckets, so type the name.
      </span>
    </form>
  );
}

function Crumbs({ bucket, folder, onFolder }: { bucket: string; folder: string; onFolder: (folder: string) => void }) {
  const parts = folder.split("/").filter(Boolean);
  return (
    <nav aria-label="Folder" className="crumbs">
      <button type="button" className="link-button" aria-current={parts.length === 0 ? "location" : undefined} onClick={() => onFolder("")}>
        {bucket}
      </button>
      {parts.map((name, index) => (
        <span key={index}>
          <span aria-hidden="true">/ </span>
          <button type="button" className="link-button" aria-current={index === parts.length - 1 ? "location" : undefined} onClick={() => onFolder(`${parts.slice(0, index + 1).join("/")}/`)}>
            {name}
          </button>
        </span>
      ))}
    </nav>
  );
}

function UploadButton({ folder, onFiles }: { folder: string; onFiles: (files: readonly File[]) => void }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" className="button" onClick={() => input.current?.click()}>
        Upload files
      </button>
      <input
        ref={input}
        type="file"
        multiple
        className="visually-hidden"
        tabIndex={-1}
        aria-label={`Files for ${folder}`}
        onChange={(event) => {
          onFiles([...(event.target.files ?? [])]);
          event.target.value = "";
        }}
      />
    </>
  );
}
