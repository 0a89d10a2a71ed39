// Starts the worker for layouts under the Content-Security-Policy of Studio.
//
// `new Worker(address)` is a sink of Trusted Types. The header names this policy alone, and the policy accepts a single
// address: the file of the worker in the build, on the page's own origin.
import workerUrl from "./worker.ts?worker&url";

const POLICY = "studio-worker";

interface Policy {
  createScriptURL: (address: string) => unknown;
}

interface Factory {
  createPolicy: (name: string, rules: { createScriptURL: (address: string) => string }) => Policy;
}

let policy: Policy | undefined;

/** Returns a new worker. Throws if the browser or the policy refuses it. */
export function startWorker(): Worker {
  const factory = (globalThis as { trustedTypes?: Factory }).trustedTypes;
  // A second policy of the same name is refused, so it is made once.
  policy ??= factory?.createPolicy(POLICY, { createScriptURL: onlyWorker });
  const address = policy ? policy.createScriptURL(workerUrl) : onlyWorker(workerUrl);
  return new Worker(address as string, { name: "layout", type: import.meta.env.DEV ? "module" : "classic" });
}

/** Returns the address of the worker. Throws for any other one. */
export function onlyWorker(address: string): string {
  const { origin } = new URL(address, window.location.href);
  if (address !== workerUrl || origin !== window.location.origin) throw new TypeError(`${address} is not the worker of Studio`);
  return address;
}
