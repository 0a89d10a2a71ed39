// The frame of all pages of a signed-in user: header, stream, notices, and the page of the address.
import { lazy, Suspense, useEffect, useRef } from "react";
import { Header } from "./Header";
import { useAddress, routeOf, withNamespace, type Route } from "./navigation";
import { chosenNamespace } from "./namespaces";
import { ErrorBoundary } from "./parts/ErrorBoundary";
import { ServerKeys } from "./parts/ServerKeys";
import { LiveRegion, Notices } from "./parts/announcements";
import { Link } from "./parts/Link";
import { useTitle } from "./parts/useTitle";
import { RunsProvider } from "./stream/RunsProvider";
import { ConnectionBanner } from "./stream/ConnectionBanner";
import type { Session } from "./wire";

const RunsPage = lazy(() => import("./pages/runs/RunsPage"));
const RunPage = lazy(() => import("./pages/run/RunPage"));
const ComparePage = lazy(() => import("./pages/compare/ComparePage"));
const ModelsPage = lazy(() => import("./pages/models/ModelsPage"));
const ModelPage = lazy(() => import("./pages/models/ModelPage"));
const ModelerPage = lazy(() => import("./pages/modeler/ModelerPage"));
const NewRunPage = lazy(() => import("./pages/new-run/NewRunPage"));
const StoragePage = lazy(() => import("./pages/storage/StoragePage"));

interface Props {
  session: Session;
  /** Whether the session is valid: without one nothing is requested. */
  isActive: boolean;
}

export function Workspace({ session, isActive }: Props) {
  const { pathname, search } = useAddress();
  const route = routeOf(pathname, search);
  const namespace = chosenNamespace(route, search, session.namespaces);
  const main = useRef<HTMLElement>(null);
  const shown = useRef({ pathname, search });

  useEffect(() => {
    const isOther = shown.current.pathname !== pathname;
    const isLost = shown.current.search !== search && document.activeElement === document.body;
    shown.current = { pathname, search };
    // A new page begins with its content for keyboards and screen readers, as after a load. A link or a form that opens
    // another query, such as a network of the modeler, may go with the page, and the focus with it.
    if (isOther || isLost) main.current?.focus({ preventScroll: true });
  }, [pathname, search]);

  return (
    <RunsProvider namespace={namespace} isActive={isActive}>
      <a className="skip-link" href="#content" onClick={(event) => { event.preventDefault(); main.current?.focus(); }}>
        Skip to the content
      </a>
      <Header session={session} namespace={namespace} route={route} />
      <ConnectionBanner />
      <main id="content" ref={main} tabIndex={-1}>
        <ServerKeys>
          <ErrorBoundary key={pathname}>
            <Suspense fallback={<p className="page-wait" role="status">Loading the page…</p>}>
              <Page route={route} namespace={namespace} session={session} />
            </Suspense>
          </ErrorBoundary>
        </ServerKeys>
      </main>
      <Notices />
      <LiveRegion />
    </RunsProvider>
  );
}

function Page({ route, namespace, session }: { route: Route; namespace: string | null; session: Session }) {
  switch (route.page) {
    case "runs":
      return <RunsPage namespace={namespace} />;
    case "run":
      return <RunPage run={route.run} />;
    case "compare":
      return <ComparePage runs={route.runs} />;
    case "models":
      return <ModelsPage namespace={namespace} />;
    case "model":
      return <ModelPage server={route.server} />;
    case "new-run":
      return <NewRunPage namespace={namespace} session={session} run={route.run} template={route.template} />;
    case "storage":
      return <StoragePage namespace={namespace} session={session} />;
    case "modeler":
      return <ModelerPage open={route.open} namespace={namespace} session={session} />;
    case "not-found":
      return <NotFound namespace={namespace} />;
  }
}

function NotFound({ namespace }: { namespace: string | null }) {
  useTitle("Page not found");
  return (
    <div className="page">
      <div className="empty">
        <h1>Page not found</h1>
        <p>This address names no page of Studio.</p>
        <Link href={withNamespace("/", namespace)} className="button primary">
          Show the runs
        </Link>
      </div>
    </div>
  );
}
