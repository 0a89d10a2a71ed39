// Uploads of the page, one after the other: their progress, and the questions that they raise.
import { createContext, useCallback, useContext, useEffect, useRef, useState } from "react";
import { isAbort, problemOf } from "../../api/client";
import { upload } from "../../api/upload";
import { announce } from "../../parts/announcements";
import { count } from "../../parts/format";
import type { Problem } from "../../wire";
import { useLeaveQuestion } from "./useLeaveQuestion";

export type UploadState = "waiting" | "sending" | "exists" | "stored" | "failed" | "cancelled";

export interface Upload {
  id: number;
  name: string;
  bucket: string;
  key: string;
  size: number;
  sent: number;
  state: UploadState;
  problem: Problem | null;
}

interface Job {
  file: Blob;
  query: URLSearchParams;
  replace: boolean;
  abort: AbortController;
}

export interface Uploads {
  list: readonly Upload[];
  /** The number of files that are being stored, or wait for it. */
  running: number;
  /** Grows with each stored file, so that folders are read again. */
  stored: number;
  add: (files: readonly File[], bucket: string, folder: string, query: URLSearchParams) => void;
  cancel: (id: number) => void;
  /** Sends a file again, and replaces the object of its name. */
  replace: (id: number) => void;
  retry: (id: number) => void;
  remove: (id: number) => void;
}

/** The uploads of the page: they go on while the page shows another run. */
export const UploadsContext = createContext<Uploads | null>(null);

export function useUploadsOfPage(): Uploads {
  const uploads = useContext(UploadsContext);
  if (!uploads) throw new Error("A step is shown outside of the page New run.");
  return uploads;
}

let lastId = 0;

export function useUploads(): Uploads {
  const [list, setList] = useState<readonly Upload[]>([]);
  const [stored, setStored] = useState(0);
  const jobs = useRef(new Map<number, Job>());
  const isSending = useRef(false);

  const change = useCallback((id: number, changes: Partial<Upload>) => {
    setList((old) => old.map((each) => (each.id === id ? { ...each, ...changes } : each)));
  }, []);

  const send = useCallback(
    async (item: Upload, job: Job): Promise<void> => {
      change(item.id, { state: "sending", sent: 0, problem: null });
      try {
        await upload(uploadPath(item, job), job.file, { signal: job.abort.signal, onProgress: (sent) => change(item.id, { sent: Math.min(sent, item.size) }) });
        change(item.id, { state: "stored", sent: item.size });
        setStored((count) => count + 1);
        announce([`${item.name} is uploaded`]);
      } catch (error) {
        if (isAbort(error)) {
          change(item.id, { state: "cancelled" });
          return;
        }
        const problem = problemOf(error);
        announce([`${item.name} is not uploaded. ${problem.message}`]);
        change(item.id, { state: problem.reason === "AlreadyExists" && !job.replace ? "exists" : "failed", problem });
      }
    },
    [change],
  );

  useEffect(() => {
    const next = list.find(({ state }) => state === "waiting");
    const job = next && jobs.current.get(next.id);
    if (!next || !job || isSending.current) return;
    isSending.current = true;
    void send(next, job).finally(() => {
      isSending.current = false;
      // A copy, so that this effect looks for the next file.
      setList((old) => [...old]);
    });
  }, [list, send]);

  useEffect(() => {
    const all = jobs.current;
    return () => all.forEach(({ abort }) => abort.abort());
  }, []);

  const running = list.filter(({ state }) => state === "sending" || state === "waiting").length;
  useLeaveQuestion(running > 0 ? `Studio is still storing ${count(running, "file")}. Leave the page, and cancel the upload?` : null);

  const again = useCallback((id: number, replace: boolean) => {
    const job = jobs.current.get(id);
    if (!job) return;
    jobs.current.set(id, { ...job, replace: job.replace || replace, abort: new AbortController() });
    setList((old) => old.map((each) => (each.id === id ? { ...each, state: "waiting", problem: null } : each)));
  }, []);

  return {
    list,
    running,
    stored,
    add: useCallback((files, bucket, folder, query) => {
      const items = files.map((file): Upload => {
        lastId += 1;
        jobs.current.set(lastId, { file, query, replace: false, abort: new AbortController() });
        return { id: lastId, name: file.name, bucket, key: folder + file.name, size: file.size, sent: 0, state: "waiting", problem: null };
      });
      setList((old) => [...old, ...items]);
    }, []),
    cancel: useCallback((id) => {
      jobs.current.get(id)?.abort.abort();
      setList((old) => old.map((each) => (each.id === id && each.state === "waiting" ? { ...each, state: "cancelled" } : each)));
    }, []),
    replace: useCallback((id) => again(id, true), [again]),
    retry: useCallback((id) => again(id, false), [again]),
    remove: useCallback((id) => {
      jobs.current.delete(id);
      setList((old) => old.filter((each) => each.id !== id));
    }, []),
  };
}

function uploadPath({ bucket, key }: Upload, { query, replace }: Job): string {
  const all = new URLSearchParams(query);
  all.set("key", key);
  if (replace) all.set("replace", "1");
  return `/api/buckets/${encodeURIComponent(bucket)}/object?${all}`;
}
