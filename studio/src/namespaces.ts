// The namespace of a page: it stands in the address, so that a link shows the same page to others.
import type { Route } from "./navigation";

/** Stands for all namespaces, in the address and in the stream. */
export const ALL = "*";

/** Returns the namespace that the address names, or the default; null if the user has to type one.
 *
 * Args:
 *   route: The page.
 *   search: The query of the address.
 *   namespaces: Namespaces that the user can list; null without the right to list them.
 */
export function chosenNamespace(route: Route, search: string, namespaces: readonly string[] | null): string | null {
  const named = new URLSearchParams(search).get("namespace");
  if (named && (named === ALL || namespaceProblem(named) === "")) return named;
  if (route.page === "run") return route.run.namespace;
  if (route.page === "model") return route.server.namespace;
  if (route.page === "modeler" && route.open.kind === "run") return route.open.run.namespace;
  if (route.page === "new-run" && route.run) return route.run.namespace;
  const [compared] = route.page === "compare" ? route.runs : [];
  if (compared) return compared.namespace;
  if (namespaces === null) return null;
  return namespaces.length === 1 ? (namespaces[0] ?? null) : ALL;
}

/** Returns why a text cannot be the name of a namespace; empty if it can. */
export function namespaceProblem(text: string): string {
  if (text === "") return "Type the name of a namespace.";
  if (text.length > 63) return `The name has ${text.length} characters; a namespace has at most 63.`;
  if (!/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/u.test(text)) {
    return `${JSON.stringify(text)} is no name of a namespace: use small letters, digits and hyphens, as in team-a.`;
  }
  return "";
}
