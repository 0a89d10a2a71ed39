// Gives the pages the runs of the chosen namespace. There is one stream for all pages of a tab.
import { createContext, useContext, useEffect, useMemo, useRef, useSyncExternalStore, type ReactNode } from "react";
import { keyText } from "../api/paths";
import { problemOf, request, send } from "../api/client";
import { announce } from "../parts/announcements";
import type { RunKey, RunSummary, Session } from "../wire";
import { HIDDEN, RunsStream, type StreamRim, type StreamStatus } from "./client";
import { takeEarly } from "./early";
import { RunsStore } from "./store";

interface Runs {
  store: RunsStore;
  /** Undefined without a namespace. */
  stream: RunsStream | undefined;
}

const Context = createContext<Runs | undefined>(undefined);

const RIM: StreamRim = {
  open: (address) => takeEarly(address) ?? new EventSource(address),
  checkSession: async () => {
    await request<Session>("/api/session");
  },
  checkStream: async (address) => {
    const abort = new AbortController();
    try {
      await send(address, { accept: "text/event-stream", isStream: true, signal: abort.signal });
    } finally {
      abort.abort();
    }
  },
  problemOf,
};

interface Props {
  namespace: string | null;
  isActive: boolean;
  children: ReactNode;
  rim?: StreamRim;
}

export function RunsProvider({ namespace, isActive, children, rim = RIM }: Props) {
  const store = useMemo(() => new RunsStore(), []);
  const stream = useMemo(() => (namespace ? new RunsStream(namespace, store, rim) : undefined), [namespace, store, rim]);
  const value = useMemo(() => ({ store, stream }), [store, stream]);
  const streamed = useRef(namespace);

  useEffect(() => {
    if (streamed.current !== namespace) store.clear();
    streamed.current = namespace;
    if (!stream || !isActive) return undefined;
    stream.start();
    const unwatch = pauseWhileHidden(stream);
    return () => {
      unwatch();
      stream.stop();
    };
  }, [namespace, stream, store, isActive]);

  useEffect(
    () => store.subscribeChanges((changes) => announce(changes.map(({ run }) => `${run.name} is ${run.state}`))),
    [store],
  );

  return <Context.Provider value={value}>{children}</Context.Provider>;
}

function pauseWhileHidden(stream: RunsStream): () => void {
  let timer: number | undefined;
  function change(): void {
    window.clearTimeout(timer);
    if (document.visibilityState === "hidden") timer = window.setTimeout(() => stream.stop(), HIDDEN);
    else if (stream.status().status === "paused") stream.start();
  }
  document.addEventListener("visibilitychange", change);
  return () => {
    window.clearTimeout(timer);
    document.removeEventListener("visibilitychange", change);
  };
}

/** Returns the store and the stream. */
export function useRuns(): Runs {
  const runs = useContext(Context);
  if (!runs) throw new Error("useRuns needs a RunsProvider around it");
  return runs;
}

/** Returns a run, and draws its component again whenever this run changes; undefined while it is not in the list. */
export function useRun(run: RunKey | string): RunSummary | undefined {
  const { store } = useRuns();
  const key = typeof run === "string" ? run : keyText(run);
  const subscribe = useMemo(() => (listener: () => void) => store.subscribeRun(key, listener), [store, key]);
  return useSyncExternalStore(subscribe, () => store.get(key));
}

const NO_STREAM: StreamStatus = { status: "paused" };

/** Returns the state of the connection. */
export function useStreamStatus(): StreamStatus {
  const { stream } = useRuns();
  return useSyncExternalStore(
    stream ? stream.subscribe : subscribeNothing,
    stream ? stream.status : () => NO_STREAM,
  );
}

/** Returns whether the connection is lost; false outside of a provider, where no stream can tell. */
export function useIsLost(): boolean {
  const stream = useContext(Context)?.stream;
  return useSyncExternalStore(stream?.subscribe ?? subscribeNothing, () => stream?.status().status === "lost");
}

function subscribeNothing(): () => void {
  return () => undefined;
}
