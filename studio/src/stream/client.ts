// The stream of a namespace: it connects, notices a lost or silent connection, and connects again.
import type { ConnectionState, Problem, RunsUpdate } from "../wire";
import type { RunsStore } from "./store";

/** Updates within this time are drawn together, in milliseconds. */
export const BATCH = 100;
/** Time without an event after which a connection counts as lost. The back end sends an event at least every 15 s. */
export const SILENCE = 45_000;
/** Waits before the next tries; the last one repeats while the page is open and visible. */
export const WAITS = [500, 1_000, 2_000, 5_000, 10_000, 15_000] as const;
/** A tab that is hidden for this time gives up its connection: a browser opens at most six to a host. */
export const HIDDEN = 20_000;
/** Time that the back end has to free the place of a request that only asked for a refusal, in milliseconds. */
export const RELEASE = 300;

export type StreamStatus =
  | { status: "connecting" }
  | { status: "live"; connection: ConnectionState }
  /** `retryAt`: when the next try begins, in milliseconds since 1970. */
  | { status: "lost"; problem: Problem; retryAt: number }
  | { status: "paused" };

/** The part of EventSource that the stream uses; tests replace it. */
export interface EventChannel {
  addEventListener(type: string, listener: (event: MessageEvent<string>) => void): void;
  close(): void;
}

export interface StreamRim {
  open: (address: string) => EventChannel;
  /** Resolves if the session is valid, and otherwise throws; a session that has ended leads to the page for signing in. */
  checkSession: () => Promise<void>;
  /** Resolves if the back end opens the stream, which is closed at once, and otherwise throws why. */
  checkStream: (address: string) => Promise<void>;
  problemOf: (error: unknown) => Problem;
}

const LOST: Problem = {
  reason: "ConnectionLost",
  message: "The connection to Studio is lost.",
  remedy: "Studio connects again by itself.",
  current: null,
};

/** Returns the address of the stream of a namespace. */
export function streamAddress(namespace: string): string {
  return `/api/stream?${new URLSearchParams({ namespace })}`;
}

export class RunsStream {
  #status: StreamStatus = { status: "connecting" };
  #channel: EventChannel | undefined;
  #pending: RunsUpdate[] = [];
  #timers: { batch?: number; silence?: number; retry?: number } = {};
  #tries = 0;
  /** Whether the last channel had an event. One that had none may be refused: EventSource hides the answer. */
  #wasOpen = false;
  /** Grows with each start and stop, so that a late answer of an earlier try changes nothing. */
  #turn = 0;
  readonly #listeners = new Set<() => void>();
  readonly #address: string;
  readonly #store: RunsStore;
  readonly #rim: StreamRim;

  constructor(namespace: string, store: RunsStore, rim: StreamRim) {
    this.#address = streamAddress(namespace);
    this.#store = store;
    this.#rim = rim;
  }

  readonly status = (): StreamStatus => this.#status;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Connects; also tries again at once after a loss. */
  start(): void {
    this.#disconnect();
    if (this.#status.status !== "lost") this.#set({ status: "connecting" });
    const channel = this.#rim.open(this.#address);
    this.#channel = channel;
    this.#wasOpen = false;
    channel.addEventListener("runs", (event) => this.#receive(channel, event, (data) => this.#add(data as RunsUpdate)));
    channel.addEventListener("connection", (event) =>
      this.#receive(channel, event, (data) => this.#connected(data as ConnectionState)),
    );
    // EventSource would try again itself, for ever and without telling a refusal from a lost network.
    channel.addEventListener("error", () => {
      if (channel === this.#channel) void this.#lose();
    });
    this.#watchSilence();
  }

  /** Closes the connection; the store keeps its runs. */
  stop(): void {
    this.#disconnect();
    this.#set({ status: "paused" });
  }

  #receive(channel: EventChannel, event: MessageEvent<string>, use: (data: unknown) => void): void {
    if (channel !== this.#channel) return;
    this.#tries = 0;
    this.#wasOpen = true;
    this.#watchSilence();
    use(JSON.parse(event.data));
  }

  #connected(connection: ConnectionState): void {
    this.#set({ status: "live", connection });
  }

  #add(update: RunsUpdate): void {
    this.#pending.push(update);
    // A complete list is the first sight of the page, or follows a loss: it does not wait.
    if (update.isComplete) this.#flush();
    else this.#timers.batch ??= window.setTimeout(() => this.#flush(), BATCH);
  }

  #flush(): void {
    window.clearTimeout(this.#timers.batch);
    delete this.#timers.batch;
    const updates = this.#pending;
    this.#pending = [];
    if (updates.length > 0) this.#store.apply(updates);
  }

  #watchSilence(): void {
    window.clearTimeout(this.#timers.silence);
    this.#timers.silence = window.setTimeout(() => void this.#lose(), SILENCE);
  }

  async #lose(): Promise<void> {
    this.#disconnect();
    const turn = this.#turn;
    const wait = WAITS[Math.min(this.#tries, WAITS.length - 1)] ?? 0;
    this.#tries += 1;
    this.#set({ status: "lost", problem: LOST, retryAt: Date.now() + wait });
    this.#timers.retry = window.setTimeout(() => void this.#retry(turn), wait);
  }

  async #retry(turn: number): Promise<void> {
    try {
      await this.#rim.checkSession();
      if (!this.#wasOpen && turn === this.#turn) {
        await this.#rim.checkStream(this.#address);
        if (turn === this.#turn) this.#timers.retry = window.setTimeout(() => this.start(), RELEASE);
        return;
      }
    } catch (error) {
      if (turn !== this.#turn) return;
      await this.#lose();
      if (this.#status.status === "lost") this.#set({ ...this.#status, problem: this.#rim.problemOf(error) });
      return;
    }
    if (turn === this.#turn) this.start();
  }

  #disconnect(): void {
    this.#turn += 1;
    this.#channel?.close();
    this.#channel = undefined;
    this.#flush();
    window.clearTimeout(this.#timers.silence);
    window.clearTimeout(this.#timers.retry);
  }

  #set(status: StreamStatus): void {
    this.#status = status;
    for (const listener of this.#listeners) listener();
  }
}
