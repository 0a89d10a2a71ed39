// The bar above all pages: pages, namespace, connection, and the user.
import { useId, useState, type FormEvent } from "react";
import { signOut } from "./api/session";
import { problemOf } from "./api/client";
import { ALL, namespaceProblem } from "./namespaces";
import { navigate, setQuery, withNamespace, type Route } from "./navigation";
import { notify } from "./parts/announcements";
import { Link } from "./parts/Link";
import { useStreamStatus } from "./stream/RunsProvider";
import type { Session } from "./wire";

interface Props {
  session: Session;
  namespace: string | null;
  route: Route;
}

export function Header({ session, namespace, route }: Props) {
  const isRuns = route.page === "runs" || route.page === "run" || route.page === "compare";
  return (
    <header className="header">
      <Link href={withNamespace("/", namespace)} className="brand" aria-label="Studio, list of runs">
        <img src="/icon.svg" alt="" width="22" height="22" />
        <span>Studio</span>
      </Link>
      <nav aria-label="Pages">
        <Link href={withNamespace("/", namespace)} aria-current={isRuns ? (route.page === "runs" ? "page" : "true") : undefined}>
          Runs
        </Link>
        <Link href={withNamespace("/new", namespace)} aria-current={route.page === "new-run" ? "page" : undefined}>
          New run
        </Link>
        <Link href={withNamespace("/modeler", namespace)} aria-current={route.page === "modeler" ? (route.open.kind === "start" ? "page" : "true") : undefined}>
          Modeler
        </Link>
        <Link href={withNamespace("/models", namespace)} aria-current={MODEL_PAGES[route.page]}>
          Models
        </Link>
        <Link href={withNamespace("/storage", namespace)} aria-current={route.page === "storage" ? "page" : undefined}>
          Storage
        </Link>
      </nav>
      {session.namespaces ? (
        <NamespaceChoice namespace={namespace} namespaces={session.namespaces} route={route} />
      ) : (
        <NamespaceInput key={namespace} namespace={namespace} route={route} />
      )}
      {namespace && <ConnectionStatus />}
      <User session={session} />
    </header>
  );
}

const MODEL_PAGES: Partial<Record<Route["page"], "page" | "true">> = { models: "page", model: "true" };

/** The list that another namespace shows; the runs for other pages. */
const LISTS: Partial<Record<Route["page"], string>> = {
  storage: "/storage", models: "/models", model: "/models", "new-run": "/new",
};

/** Shows another namespace: the same page if it is a page of a namespace, and otherwise the list above it. */
function chooseNamespace(namespace: string, route: Route): void {
  if (route.page === "modeler" && route.open.kind !== "run") setQuery({ namespace });
  else navigate(withNamespace(LISTS[route.page] ?? "/", namespace));
}

function NamespaceChoice({ namespace, namespaces, route }: { namespace: string | null; namespaces: readonly string[]; route: Route }) {
  const id = useId();
  // A namespace of the address may be new, or gone.
  const isUnknown = namespace !== null && namespace !== ALL && !namespaces.includes(namespace);
  return (
    <div className="namespace">
      <label htmlFor={id}>Namespace</label>
      <select id={id} value={namespace ?? ALL} onChange={(event) => chooseNamespace(event.target.value, route)}>
        <option value={ALL}>All namespaces</option>
        {isUnknown && <option value={namespace}>{namespace}</option>}
        {namespaces.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </div>
  );
}

export function NamespaceInput({ namespace, route }: { namespace: string | null; route: Route }) {
  const id = useId();
  const [text, setText] = useState(namespace === ALL ? "" : (namespace ?? ""));
  const [refusal, setRefusal] = useState("");

  function show(event: FormEvent): void {
    event.preventDefault();
    const name = text.trim();
    const found = namespaceProblem(name);
    setRefusal(found);
    if (!found) chooseNamespace(name, route);
  }

  return (
    <form className="namespace" onSubmit={show} noValidate>
      <label htmlFor={id}>Namespace</label>
      <input
        id={id}
        value={text}
        onChange={(event) => setText(event.target.value)}
        aria-invalid={refusal !== ""}
        aria-describedby={refusal ? `${id}-refusal` : undefined}
        autoCapitalize="none"
        autoComplete="off"
        spellCheck={false}
        maxLength={253}
        placeholder="team-a"
      />
      <button type="submit" className="button">
        Show
      </button>
      {refusal && (
        <p id={`${id}-refusal`} className="field-error" role="alert">
          {refusal}
        </p>
      )}
    </form>
  );
}

const CONNECTIONS = {
  connecting: { text: "Connecting…", tone: "waiting" },
  live: { text: "Live", tone: "ok" },
  lost: { text: "Not connected", tone: "failed" },
  paused: { text: "Paused", tone: "neutral" },
} as const;

function ConnectionStatus() {
  const status = useStreamStatus();
  const isDown = status.status === "live" && !status.connection.isConnected;
  const { text, tone } = isDown ? { text: "Cluster not reached", tone: "failed" } : CONNECTIONS[status.status];
  return (
    <p className={`connection ${tone}`} role="status">
      <span className="dot" aria-hidden="true" />
      {text}
    </p>
  );
}

/** Returns the name of a user; that of a ServiceAccount with its namespace, such as team-a/ada. */
export function shortUser(user: string): string {
  return /^system:serviceaccount:([^:]+):([^:]+)$/u.exec(user)?.slice(1).join("/") ?? user;
}

function User({ session }: { session: Session }) {
  async function end(): Promise<void> {
    try {
      await signOut();
    } catch (error) {
      notify(problemOf(error).message);
    }
  }

  return (
    <div className="user">
      <span className="user-name" title={session.user}>
        {shortUser(session.user)}
      </span>
      {session.isProxied ? (
        <span className="quiet" title="A proxy in front of Studio sends your token, so sign out there.">
          by proxy
        </span>
      ) : (
        <button type="button" className="button" onClick={() => void end()}>
          Sign out
        </button>
      )}
    </div>
  );
}
