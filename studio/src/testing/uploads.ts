// Uploads that a test drives: happy-dom sends none.
/** Stands for XMLHttpRequest. */
export class FakeUpload {
  static all: FakeUpload[] = [];
  readonly upload = new EventTarget();
  readonly #events = new EventTarget();
  readonly headers: Record<string, string> = {};
  address = "";
  sent: unknown;
  status = 0;
  response: unknown = null;
  isAborted = false;

  constructor() {
    FakeUpload.all.push(this);
  }

  open(method: string, address: string): void {
    this.address = `${method} ${address}`;
  }

  setRequestHeader(name: string, value: string): void {
    this.headers[name] = value;
  }

  addEventListener(type: string, listener: () => void): void {
    this.#events.addEventListener(type, listener);
  }

  send(body: unknown): void {
    this.sent = body;
  }

  abort(): void {
    this.isAborted = true;
  }

  progress(loaded: number): void {
    this.upload.dispatchEvent(Object.assign(new Event("progress"), { loaded }));
  }

  /** Breaks the connection. */
  fail(): void {
    this.#events.dispatchEvent(new Event("error"));
  }

  answer(status: number, response: unknown): void {
    this.status = status;
    this.response = response;
    this.#events.dispatchEvent(new Event("load"));
  }
}
