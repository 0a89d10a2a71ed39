// Tells that another user or program, such as kubectl, has changed or deleted the stored run that a page edits.
import { useRef } from "react";
import { runPath } from "../../api/paths";
import { useResource } from "../../pages/run/useResource";
import { useRun } from "../../stream/RunsProvider";
import type { RunDetail, RunKey } from "../../wire";
import { Note } from "../Note";
import { isChanged, type SeenVersion } from "./storedChange";
import { versionOf } from "./requests";

interface Props {
  run: SeenVersion & { key: RunKey };
  /** Called with the object as it is stored now. */
  onCompare: (stored: Record<string, unknown>) => void;
  /** Called to go on without the stored run. */
  onDetach: () => void;
}

export function StoredChangeNote({ run, onCompare, onDetach }: Props) {
  const live = useRun(run.key);
  const wasLive = useRef(false);
  if (live) wasLive.current = true;
  const isSuspect = live ? isChanged(run, live) : wasLive.current;
  // The answer tells a deletion from a lost connection, and has the other version.
  const detail = useResource<RunDetail>(isSuspect ? runPath(run.key) : null, live?.resourceVersion ?? "gone");
  const { name, kind } = run.key;
  if (isSuspect && detail.problem?.reason === "NotFound") {
    return (
      <Note text={`Another user or program has deleted the ${kind} ${name}. Your version is still here.`}>
        <button type="button" className="button" onClick={onDetach}>
          Keep it as a new run
        </button>
      </Note>
    );
  }
  const object = detail.data?.object;
  if (!isSuspect || !object || !isChanged(run, versionOf(object))) return null;
  return (
    <Note text={`Another user or program has changed the stored ${kind} ${name}.`}>
      <button type="button" className="button" onClick={() => onCompare(object)}>
        Show both versions
      </button>
    </Note>
  );
}
