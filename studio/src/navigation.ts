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
  | { page: "new-run"; run: RunKey | null; template: string | null }
  | { page: "not-found" };

/** Returns the page of an address. */
export function routeOf(pathname: string, search: string): Route {
  if (pathname === "/" || pathname === "/runs") return { page: "runs" };
  if (pathname === "/storage") return { page: "storage" };
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
