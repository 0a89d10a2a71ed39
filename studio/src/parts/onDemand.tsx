// Parts of a page whose code is loaded when they are first drawn, or a moment before.
import { useEffect, useLayoutEffect, useRef, useState, useSyncExternalStore, type ComponentType, type ReactNode } from "react";
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
  /** Loads the code. After it a mounted part is drawn, or the failure in its place, and can take the focus. */
  preload: () => Promise<void>;
};

/** Failures after which the page is loaded again: a browser may keep a failed file for the life of the page. */
const FAILURES_OF_PAGE = 2;
const FOCUSABLE = ":is(input, select, textarea, button):not([disabled]), [contenteditable='true'], [tabindex='0']";

/**
 * Returns a component whose code is loaded on demand. A failure names its remedy and leaves the rest of the page alone.
 *
 * React's `lazy` keeps a failure for ever, so a second attempt needs a component of another kind.
 *
 * @param load - Imports the module, whose default export is the component.
 */
export function onDemand<P extends object>(load: () => Promise<{ default: ComponentType<P> }>, { name, waiting = null, frame }: Options<P>): OnDemand<P> {
  let part: ComponentType<P> | undefined;
  const loaders = new Set<() => void>();
  const watch = (loader: () => void) => {
    loaders.add(loader);
    return () => void loaders.delete(loader);
  };
  const fetchPart = async (): Promise<void> => {
    if (part) return;
    part = (await load()).default;
    // Drawn at once, for callers of preload() that then move the focus into the part.
    flushSync(() => loaders.forEach((loader) => loader()));
  };

  function Loader(props: P) {
    const Part = useSyncExternalStore(watch, () => part);
    const [failures, setFailures] = useState(0);
    const [isLoading, setLoading] = useState(true);
    const place = useRef<readonly Element[]>([]);

    function attempt(): void {
      setLoading(true);
      fetchPart().catch((error: unknown) => {
        console.error(`Studio could not load ${name}:`, error);
        flushSync(() => {
          setFailures((before) => before + 1);
          setLoading(false);
        });
      });
    }
    useEffect(() => {
      if (!part) attempt();
    }, []);
    useEffect(() => {
      if (Part) moveFocus(place.current);
    }, [Part]);

    if (Part) return <Part {...props} />;
    if (failures === 0) return waiting;
    const failure = <Failure name={name} failures={failures} isLoading={isLoading} onRetry={attempt} onLeave={(ancestors) => (place.current = ancestors)} />;
    return frame ? frame(failure, props) : failure;
  }

  return Object.assign(Loader, { preload: () => fetchPart().catch(() => undefined) });
}

interface FailureProps {
  name: string;
  failures: number;
  /** Whether the next attempt runs. */
  isLoading: boolean;
  onRetry: () => void;
  /** Receives the ancestors of a failure that has the focus when it is removed, innermost first. */
  onLeave: (ancestors: readonly Element[]) => void;
}

function Failure({ name, failures, isLoading, onRetry, onLeave }: FailureProps) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = box.current;
    return () => {
      if (element?.contains(document.activeElement)) onLeave(ancestorsOf(element));
    };
  }, []);
  const failed = problem(
    "PartNotLoaded",
    `Studio could not load ${name}.`,
    "Check the connection to Studio, then try again. After an update of Studio, load the page again: it needs the new files.",
  );
  const needsPage = failures >= FAILURES_OF_PAGE;
  return (
    <div ref={box} className="dialog-body part-failed">
      {/* A screen reader reads each failure. */}
      <ProblemBox key={failures} problem={failed} />
      <div className="buttons">
        {/* A disabled button would lose the focus. */}
        <button type="button" className={needsPage ? "button" : "button primary"} aria-disabled={isLoading} onClick={() => !isLoading && onRetry()}>
          Try again
        </button>
        <button type="button" className={needsPage ? "button primary" : "button"} onClick={() => window.location.reload()}>
          Load the page again
        </button>
      </div>
    </div>
  );
}

function ancestorsOf(element: Element): Element[] {
  const { parentElement } = element;
  return parentElement ? [parentElement, ...ancestorsOf(parentElement)] : [];
}

/** Moves the focus of a removed failure into the part in its place. A part such as a dialog takes the focus itself. */
function moveFocus(ancestors: readonly Element[]): void {
  if (document.activeElement !== document.body) return;
  ancestors.find(({ isConnected }) => isConnected)?.querySelector<HTMLElement>(FOCUSABLE)?.focus();
}
