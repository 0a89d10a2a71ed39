// Parts of a page whose code is loaded when they are first drawn, or a moment before.
import { useEffect, useState, type ComponentType, type ReactNode } from "react";
import { flushSync } from "react-dom";
import { problem } from "../api/client";
import { ProblemBox } from "./ProblemBox";

interface Options<P> {
  /** Name of the part in messages, such as "the YAML editor". */
  name: string;
  /** Stands in place of the part while its code is loaded. Default: nothing. */
  waiting?: ReactNode;
  /** Draws a failure, such as in a dialog that can be closed. Default: in place of the part. */
  frame?: (failure: ReactNode, props: P) => ReactNode;
}

export type OnDemand<P> = ComponentType<P> & {
  /** Loads the code. After it a mounted part, or the failure in its place, is drawn and can take the focus. */
  preload: () => Promise<void>;
};

/**
 * Returns a component whose code is loaded on demand. A failure names its remedy and leaves the rest of the page alone.
 *
 * React's `lazy` keeps a failure for ever, so a second attempt needs a component of another kind.
 *
 * @param load - Imports the module, whose default export is the component.
 */
export function onDemand<P extends object>(load: () => Promise<{ default: ComponentType<P> }>, { name, waiting = null, frame }: Options<P>): OnDemand<P> {
  let Part: ComponentType<P> | undefined;
  const fetchPart = async (): Promise<void> => {
    Part ??= (await load()).default;
  };

  function Loader(props: P) {
    const [attempt, setAttempt] = useState(0);
    const [settled, setSettled] = useState<{ attempt: number; hasFailed: boolean }>();

    useEffect(() => {
      if (Part) return undefined;
      let isMounted = true;
      const settle = (hasFailed: boolean) => {
        // Drawn at once, for callers of preload() that then move the focus into the part.
        if (isMounted) flushSync(() => setSettled({ attempt, hasFailed }));
      };
      fetchPart().then(
        () => settle(false),
        () => settle(true),
      );
      return () => {
        isMounted = false;
      };
    }, [attempt]);

    if (Part) return <Part {...props} />;
    if (settled?.attempt !== attempt || !settled.hasFailed) return waiting;
    const failure = <Failure name={name} onRetry={() => setAttempt(attempt + 1)} />;
    return frame ? frame(failure, props) : failure;
  }

  return Object.assign(Loader, { preload: () => fetchPart().catch(() => undefined) });
}

function Failure({ name, onRetry }: { name: string; onRetry: () => void }) {
  const failed = problem(
    "PartNotLoaded",
    `Studio could not load ${name}.`,
    "Check the connection to Studio, then try again. After an update of Studio, load the page again: it needs the new files.",
  );
  return (
    <div className="dialog-body part-failed">
      <ProblemBox problem={failed} />
      <div className="buttons">
        <button type="button" className="button primary" onClick={onRetry}>
          Try again
        </button>
        <button type="button" className="button" onClick={() => window.location.reload()}>
          Load the page again
        </button>
      </div>
    </div>
  );
}
