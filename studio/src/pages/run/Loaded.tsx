/** A part of the page that shows an answer of the back end: while it loads, when it is there, and when it fails. */

import type { ReactNode } from "react";
import { ProblemNote } from "./ProblemNote";
import type { Resource } from "./useResource";

export interface LoadedProps<T> {
  resource: Resource<T>;
  /** Name of the part, such as `the files`. */
  name: string;
  /** Sentence for an answer that does not exist (404), which is no error; without it the cause of the back end. */
  absent?: string;
  children: (data: T) => ReactNode;
}

export function Loaded<T>({ resource, name, absent, children }: LoadedProps<T>) {
  const { data, problem, isLoading, retry } = resource;
  const isAbsent = absent !== undefined && problem?.reason === "NotFound";
  return (
    <div className="loaded" aria-busy={isLoading}>
      {problem && !isAbsent && (
        <ProblemNote
          title={`Studio cannot ${data === undefined ? "show" : "refresh"} ${name}.`}
          problem={problem}
          onRetry={retry}
        />
      )}
      {data !== undefined && children(data)}
      {data === undefined && isAbsent && (
        <div>
          <p>{absent}</p>
          <p className="hint">{problem.message}</p>
        </div>
      )}
      {data === undefined && !problem && <p className="hint loading">Loading {name}…</p>}
    </div>
  );
}
