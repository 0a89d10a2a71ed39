// Uploads: the browser streams a file from its disk, and reports how much it has sent. fetch reports nothing.
import type { StoredObject } from "../wire";
import { problem, refused, RequestError } from "./client";

/** Time without a sent byte or an answer after which an upload has failed, in milliseconds. The back end waits 30 s for
 * a byte of the browser; the storage may need longer to put the parts of a large file together. */
const SILENCE = 120_000;

export interface UploadOptions {
  signal: AbortSignal;
  onProgress: (sent: number) => void;
}

/**
 * Sends a file as the body of a PUT, and returns the stored object.
 *
 * Throws RequestError if the back end refuses, or cannot be reached, and a DOMException if the signal ends it.
 */
export function upload(path: string, file: Blob, { signal, onProgress }: UploadOptions): Promise<StoredObject> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let timer: number | undefined;
    const fail = (error: Error) => {
      window.clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      reject(error);
    };
    const abort = () => {
      request.abort();
      fail(new DOMException("The upload was cancelled.", "AbortError"));
    };
    const wait = () => {
      window.clearTimeout(timer);
      timer = window.setTimeout(() => {
        request.abort();
        fail(new RequestError(problem("Timeout", `The upload has not moved for ${SILENCE / 1000} s.`, "Check your network, and upload the file again."), 0));
      }, SILENCE);
    };

    request.open("PUT", path);
    request.setRequestHeader("content-type", "application/octet-stream");
    // No form of another page can send this header.
    request.setRequestHeader("Epochal-Studio", "1");
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => {
      wait();
      onProgress(event.loaded);
    });
    request.addEventListener("error", () => {
      fail(new RequestError(problem("Unreachable", "The connection to Studio ended during the upload.", "Check your network, and upload the file again."), 0));
    });
    request.addEventListener("load", () => {
      window.clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      if (request.status >= 200 && request.status < 300) resolve(request.response as StoredObject);
      else reject(refused(request.status, request.response));
    });
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener("abort", abort);
    wait();
    request.send(file);
  });
}
