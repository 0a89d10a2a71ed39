// Addresses of the back end.
import type { RunKey } from "../wire";

/** Returns the path of a run. */
export function runPath({ kind, namespace, name }: RunKey): string {
  return `/api/runs/${[kind, namespace, name].map(encodeURIComponent).join("/")}`;
}

/** Returns the path of a ModelServer's model. */
export function servedPath({ namespace, name }: Pick<RunKey, "namespace" | "name">): string {
  return `/api/servers/${[namespace, name].map(encodeURIComponent).join("/")}`;
}

/** Returns a text that names a run within the page. */
export function keyText({ kind, namespace, name }: RunKey): string {
  return `${kind}/${namespace}/${name}`;
}

/** Returns the run of a text, or undefined if the text names none. */
export function parseKey(text: string): RunKey | undefined {
  const [kind, namespace, name, ...rest] = text.split("/");
  if (kind !== "TrainingJob" && kind !== "Experiment" && kind !== "ModelServer") return undefined;
  if (!namespace || !name || rest.length > 0) return undefined;
  return { kind, namespace, name };
}
