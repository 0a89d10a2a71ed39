/** The section with the log of a training. */

import { useMemo } from "react";
import { runPath } from "../../api/paths";
import { LogView } from "./LogView";
import { ProblemNote } from "./ProblemNote";
import { logOf } from "./openLog";
import { hasEnded } from "./states";
import type { RunDetail, RunKey } from "../../wire";

/** Lines of a download from the pods: all that the back end sends. The whole log is among the files. */
const DOWNLOADED_LINES = 10_000;

export interface LogSectionProps {
  run: RunKey;
  state: string;
  isDeleted: boolean;
  permissions: RunDetail["permissions"];
}

export function LogSection({ run, state, isDeleted, permissions }: LogSectionProps) {
  const { kind, namespace, name } = run;
  const open = useMemo(() => logOf({ kind, namespace, name }), [kind, namespace, name]);
  if (!permissions.includes("log") && !permissions.includes("storage")) {
    return (
      <ProblemNote
        title="Studio cannot show the log."
        problem={{
          reason: "Forbidden",
          message: `You may read neither the logs of pods in the namespace ${namespace}, nor the Secret of its storage.`,
          remedy: "Ask an administrator of the namespace for the role view, or for edit to read results.",
        }}
      />
    );
  }
  return (
    <LogView
      open={open}
      isRunning={!hasEnded(state) && !isDeleted}
      download={`${runPath(run)}/log?tail=${DOWNLOADED_LINES}`}
      file={`${name}.log`}
    />
  );
}
