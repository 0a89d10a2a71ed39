// The address bar: the pages, and the parameters in the query. A router library would bring nested routes and
// loaders, which these pages do not have.
import { useSyncExternalStore } from "react";
import { keyText, parseKey } from "./api/paths";
import type { RunKey } from "./wire";

export type Route =
  | { page: "runs" }
  | { page: "run"; run: RunKey }
  | { page: "compare"; runs: RunKey[] }
  | { page: "storage" }
  | { page: "models" }
  | { page: "model"; server: RunKey }
  | { page: "modeler"; open: ModelerTarget }
  | { page: "new-run"; run: RunKey | null; template: string | null }
  | { page: "not-found" };

/** What the modeler opens: its start page, an empty network, a stored run, a template, or a draft of this browser. */
export type ModelerTarget =
  | { kind: "start" }
  | { kind: "blank" }
  | { kind: "run"; run: RunKey }
  | { kind: "template"; name: string }
  | { kind: "draft"; key: string };

/** Returns the page of an address. */
export function routeOf(pathname: string, search: string): Route {
  if (pathname === "/" || pathname === "/runs") return { page: "runs" };
  if (pathname === "/storage") return { page: "storage" };
  if (pathname === "/models") return { page: "models" };
  if (pathname.startsWith("/models/")) {
    const server = parseKey(decode(`ModelServer/${pathname.slice("/models/".length)}`));
    return server ? { page: "model", server } : { page: "not-found" };
  }
  if (pathname === "/modeler") return { page: "modeler", open: modelerTarget(new URLSearchParams(search)) };
  if (pathname === "/new") {
    const query = new URLSearchParams(search);
    return { page: "new-run", run: parseKey(query.get("run") ?? "") ?? null, template: query.get("template") };
  }
  if (pathname === "/compare") {
    const runs = new URLSearchParams(search).getAll("run").map(parseKey);
    return { page: "compare", runs: runs.filter((run) => run !== undefined) };
  }
  const run = pathname.startsWith("/runs/") ? parseKey(decode(pathname.slice("/runs/".length))) : undefined;
  return run ? { page: "run", run } : { page: "not-found" };
}

function modelerTarget(query: URLSearchParams): ModelerTarget {
  const run = parseKey(query.get("run") ?? "");
  if (run && run.kind !== "ModelServer") return { kind: "run", run };
  const template = query.get("template");
  if (template) return { kind: "template", name: template };
  const draft = query.get("draft");
  if (draft) return { kind: "draft", key: draft };
  return query.has("blank") ? { kind: "blank" } : { kind: "start" };
}

/** Returns the address of the modeler with a document. */
export function modelerAddress(open: ModelerTarget, namespace: string | null): string {
  const query = new URLSearchParams();
  if (open.kind === "run") query.set("run", keyText(open.run));
  if (open.kind === "template") query.set("template", open.name);
  if (open.kind === "draft") query.set("draft", open.key);
  if (open.kind === "blank") query.set("blank", "1");
  if (namespace) query.set("namespace", namespace);
  const text = query.toString();
  return text ? `/modeler?${text}` : "/modeler";
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

/** Returns the address of a run's page. */
export function runAddress(run: RunKey): string {
  return `/runs/${keyText(run)}`;
}

/** Returns the address of the page that tries a ModelServer. */
export function modelAddress({ namespace, name }: Pick<RunKey, "namespace" | "name">): string {
  return `/models/${namespace}/${name}`;
}

/** Returns the address of a comparison. */
export function compareAddress(runs: readonly RunKey[], namespace: string | null): string {
  const query = new URLSearchParams(runs.map((run) => ["run", keyText(run)]));
  if (namespace) query.set("namespace", namespace);
  return `/compare?${query}`;
}

/** Returns an address with the namespace that the user has chosen. */
export function withNamespace(path: string, namespace: string | null): string {
  return namespace ? `${path}?${new URLSearchParams({ namespace })}` : path;
}

const CHANGED = "studio:address";
/** The event before `navigate` opens the address in its `detail`. A page that would lose something cancels it. */
export const LEAVING = "studio:leaving";

function subscribe(listener: () => void): () => void {
  window.addEventListener("popstate", listener);
  window.addEventListener(CHANGED, listener);
  return () => {
    window.removeEventListener("popstate", listener);
    window.removeEventListener(CHANGED, listener);
  };
}

/** Opens an address of Studio without a load. `replace` leaves no entry in the history. */
export function navigate(address: string, { replace = false } = {}): void {
  if (!window.dispatchEvent(new CustomEvent(LEAVING, { detail: address, cancelable: true }))) return;
  if (replace) window.history.replaceState(null, "", address);
  else window.history.pushState(null, "", address);
  window.dispatchEvent(new Event(CHANGED));
  // Back and forward keep the browser's own position.
  if (!replace) window.scrollTo(0, 0);
}

/** Changes parameters of the query in place; null removes one. */
export function setQuery(changes: Record<string, string | null>): void {
  const query = new URLSearchParams(window.location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  navigate(window.location.pathname + (text ? `?${text}` : ""), { replace: true });
}

export function useAddress(): { pathname: string; search: string } {
  const href = useSyncExternalStore(subscribe, () => window.location.pathname + window.location.search);
  const [pathname = "/", search = ""] = href.split(/(?=\?)/u, 2);
  return { pathname, search };
}

/** Returns a parameter of the query, or null. */
export function useQuery(name: string): string | null {
  return new URLSearchParams(useAddress().search).get(name);
}
