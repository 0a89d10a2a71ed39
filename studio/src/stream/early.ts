// The stream of the first page. It opens while the back end is asked who is signed in and the page is drawn, so that
// the list of runs does not wait for them.
import type { EventChannel } from "./client";

type Listener = (event: MessageEvent<string>) => void;

/** A channel that keeps its events until somebody listens to them. */
class EarlyChannel implements EventChannel {
  /** Whether its connection was lost or refused before somebody listened. */
  isLost = false;
  readonly #channel: EventChannel;
  readonly #listeners = new Map<string, Listener>();
  #kept: [string, MessageEvent<string>][] = [];

  constructor(
    readonly address: string,
    channel: EventChannel,
  ) {
    this.#channel = channel;
    for (const type of ["connection", "runs"]) channel.addEventListener(type, (event) => this.#receive(type, event));
    channel.addEventListener("error", (event) => {
      const listener = this.#listeners.get("error");
      if (listener) listener(event);
      else this.#lose();
    });
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, listener);
    const kept = this.#kept;
    this.#kept = kept.filter(([each]) => each !== type);
    for (const [each, event] of kept) if (each === type) listener(event);
  }

  close(): void {
    this.#channel.close();
  }

  #receive(type: string, event: MessageEvent<string>): void {
    const listener = this.#listeners.get(type);
    if (listener) listener(event);
    else this.#kept.push([type, event]);
  }

  #lose(): void {
    // EventSource would try again itself, also for a user who is not signed in.
    this.isLost = true;
    this.#kept = [];
    this.close();
  }
}

let early: EarlyChannel | undefined;

/** Opens the stream of the first page. */
export function openEarly(address: string, channel: EventChannel): void {
  dropEarly();
  early = new EarlyChannel(address, channel);
}

/** Returns the early channel, once; undefined if it is lost, or has another address. */
export function takeEarly(address: string): EventChannel | undefined {
  const found = early;
  if (!found || found.isLost || found.address !== address) {
    dropEarly();
    return undefined;
  }
  early = undefined;
  return found;
}

/** Closes the channel that nobody has taken. */
export function dropEarly(): void {
  early?.close();
  early = undefined;
}
