/** A run: its state, timeline, curves, log, network, data, evaluation and files. */

import { useRef } from "react";
import { keyText, runPath } from "../../api/paths";
import { navigate, useQuery, withNamespace } from "../../navigation";
import { useTitle } from "../../parts/useTitle";
import { useRun } from "../../stream/RunsProvider";
import type { RunDetail, RunKey } from "../../wire";
import { ProblemNote } from "./ProblemNote";
import { RunHeader } from "./RunHeader";
import { RunSections } from "./RunSections";
import { sectionOf } from "./sections";
import { useResource } from "./useResource";
import { useThrottled } from "./useThrottled";
import "./run.css";

/** Minimum time between two requests for the same part of a run, in milliseconds. */
const PERIOD = 1000;

export default function RunPage({ run }: { run: RunKey }) {
  useTitle(run.name);
  // Another run is another page, with nothing of the last one.
  return <Run key={keyText(run)} run={run} />;
}

function Run({ run }: { run: RunKey }) {
  const live = useRun(run);
  const wasLive = useRef(false);
  if (live) wasLive.current = true;
  // A run that has left the list is requested once more, to tell a deletion from a lost right to watch it.
  const version = useThrottled(live?.resourceVersion ?? (wasLive.current ? "gone" : ""), PERIOD);
  const detail = useResource<RunDetail>(runPath(run), version);
  const namespace = useQuery("namespace");
  const section = sectionOf(run.kind, useQuery("section"));
  const isDeleted = detail.data !== undefined && detail.problem?.reason === "NotFound";

  if (detail.data === undefined) {
    return (
      <div className="page run-page">
        <h1>{run.name}</h1>
        {detail.problem ? (
          <ProblemNote
            title={`Studio cannot show ${run.kind} ${run.namespace}/${run.name}.`}
            problem={detail.problem}
            onRetry={detail.retry}
          />
        ) : (
          <p className="page-wait" role="status">
            Loading {run.name}…
          </p>
        )}
      </div>
    );
  }
  // The stream is ahead of the details, which are fetched at most once a second.
  const shown = { ...detail.data, summary: live ?? detail.data.summary };
  return (
    <div className="page run-page">
      <RunHeader detail={shown} isDeleted={isDeleted} onDeleted={() => navigate(withNamespace("/", namespace))} />
      {isDeleted && (
        <ProblemNote
          title="This run was deleted."
          problem={{
            reason: "Deleted",
            message: "The page shows its last state.",
            remedy: "Its results stay in the bucket.",
          }}
        />
      )}
      {detail.problem && !isDeleted && (
        <ProblemNote title="Studio cannot refresh this page." problem={detail.problem} onRetry={detail.retry} />
      )}
      <RunSections detail={shown} section={section} version={version} isDeleted={isDeleted} />
    </div>
  );
}
