// The uploads of the page: progress, and what the user can do with each.
import type { CSSProperties } from "react";
import { StateIcon } from "../../parts/icons";
import { readableBytes } from "../run/sizes";
import type { Upload, Uploads } from "./useUploads";

export function UploadList({ uploads }: { uploads: Uploads }) {
  if (uploads.list.length === 0) return null;
  return (
    <>
      <ul className="uploads" aria-label="Uploads">
        {uploads.list.map((each) => (
          <li key={each.id} className={`upload is-${each.state}`}>
            <span className="upload-name">{each.name}</span>
            <span className="upload-state">{stateText(each)}</span>
            <span className="buttons">
              <UploadButtons item={each} uploads={uploads} />
            </span>
            {each.state === "sending" && (
              <span className="progress" style={{ "--part": each.size === 0 ? 1 : each.sent / each.size } as CSSProperties} role="progressbar" aria-label={`Upload of ${each.name}`} aria-valuenow={percent(each)} aria-valuemin={0} aria-valuemax={100} />
            )}
            {each.problem && (
              <span className={each.state === "failed" ? "field-error" : "hint"}>
                {each.problem.message} {each.problem.remedy}
              </span>
            )}
          </li>
        ))}
      </ul>
      {uploads.running > 0 && <p className="hint">Stay on this page until the files are stored.</p>}
    </>
  );
}

function UploadButtons({ item, uploads }: { item: Upload; uploads: Uploads }) {
  const { id, name, state } = item;
  if (state === "sending" || state === "waiting") {
    return (
      <button type="button" className="button" aria-label={`Cancel the upload of ${name}`} onClick={() => uploads.cancel(id)}>
        Cancel
      </button>
    );
  }
  return (
    <>
      {state === "exists" && (
        <button type="button" className="button" aria-label={`Replace ${name}`} onClick={() => uploads.replace(id)}>
          Replace
        </button>
      )}
      {(state === "failed" || state === "cancelled") && (
        <button type="button" className="button" aria-label={`Upload ${name} again`} onClick={() => uploads.retry(id)}>
          Try again
        </button>
      )}
      <button type="button" className="button icon-button" aria-label={`Remove ${name} from this list`} onClick={() => uploads.remove(id)}>
        <StateIcon shape="close" />
      </button>
    </>
  );
}

function stateText(item: Upload): string {
  switch (item.state) {
    case "waiting":
      return "Waiting";
    case "sending":
      return item.sent >= item.size ? "Storing…" : `${percent(item)} % of ${readableBytes(item.size)}`;
    case "exists":
      return "Replace it?";
    case "stored":
      return `Stored, ${readableBytes(item.size)}`;
    case "failed":
      return "Failed";
    case "cancelled":
      return "Cancelled";
  }
}

function percent({ sent, size }: Upload): number {
  return size === 0 ? 100 : Math.floor((100 * sent) / size);
}
