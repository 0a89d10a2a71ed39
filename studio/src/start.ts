// The first requests of a page. None of them waits for another one.
import { loadSession } from "./api/session";
import { chosenNamespace } from "./namespaces";
import { routeOf } from "./navigation";
import { streamAddress } from "./stream/client";
import { dropEarly, openEarly } from "./stream/early";

/** Loads the code of the first page and its runs, while the back end is asked who is signed in. */
export async function start({ pathname, search }: Pick<Location, "pathname" | "search">): Promise<void> {
  const route = routeOf(pathname, search);
  // A failure shows itself when the page is drawn.
  if (route.page === "runs") import("./pages/runs/RunsPage").catch(() => undefined);
  const namespace = chosenNamespace(route, search, null);
  if (namespace) {
    const address = streamAddress(namespace);
    openEarly(address, new EventSource(address));
  }
  if (!(await loadSession())) dropEarly();
}
