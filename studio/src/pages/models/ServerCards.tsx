/** The ModelServers as cards: state, model, source and pods, and the way to try each. */

import { useState } from "react";
import { keyText } from "../../api/paths";
import { ALL } from "../../namespaces";
import { modelAddress, runAddress, withNamespace } from "../../navigation";
import { count, formatAge, formatTime } from "../../parts/format";
import { Link } from "../../parts/Link";
import { Pager } from "../../parts/Pager";
import { StateBadge } from "../../parts/StateBadge";
import { useNow } from "../../parts/useNow";
import type { RunSummary } from "../../wire";
import { RunLink } from "../run/RunLink";
import { modelFile } from "./lists";

/** Cards of a page of the list. */
const CARDS = 24;

export interface ModelListProps {
  /** Namespace of the page. */
  namespace: string;
}

export function ServerCards({ servers, namespace }: ModelListProps & { servers: readonly RunSummary[] }) {
  const [page, setPage] = useState(0);
  const shown = Math.min(page, Math.ceil(servers.length / CARDS) - 1);
  return (
    <>
      <ul className="server-cards">
        {servers.slice(shown * CARDS, (shown + 1) * CARDS).map((server) => (
          <li key={keyText(server)}>
            <ServerCard server={server} namespace={namespace} />
          </li>
        ))}
      </ul>
      <Pager label="the servers" unit="Servers" page={shown} size={CARDS} total={servers.length} onPage={setPage} />
    </>
  );
}

function ServerCard({ server, namespace }: ModelListProps & { server: RunSummary }) {
  const now = useNow(60_000);
  const { model = "", source = null, replicas = 0, readyReplicas = 0 } = server.server ?? {};
  return (
    <article className="card server-card" aria-label={server.name}>
      <div className="card-head">
        <h3>
          <Link href={withNamespace(modelAddress(server), namespace)}>{server.name}</Link>
        </h3>
        <StateBadge state={server.state} />
      </div>
      {server.reason && <p className="small quiet server-reason">{server.reason}</p>}
      <dl className="server-facts">
        {namespace === ALL && <Fact name="Namespace">{server.namespace}</Fact>}
        <Fact name="Model">
          {model ? <span title={model}>{modelFile(model)}</span> : <span className="quiet">None yet</span>}
        </Fact>
        <Fact name={source?.kind === "Experiment" ? "Found by" : "Trained by"}>
          {source ? <RunLink run={source} /> : <span className="quiet">–</span>}
        </Fact>
        <Fact name="Ready">
          {readyReplicas} of {count(replicas, "replica")}
        </Fact>
        <Fact name="Age">
          <time dateTime={server.created} title={formatTime(server.created)}>
            {formatAge(server.created, now)}
          </time>
        </Fact>
      </dl>
      <div className="buttons">
        <Link
          href={withNamespace(modelAddress(server), namespace)}
          className={readyReplicas > 0 ? "button primary" : "button"}
          aria-label={`Try ${server.name}`}
        >
          Try it
        </Link>
        <Link href={withNamespace(runAddress(server), namespace)} className="button" aria-label={`Details of ${server.name}`}>
          Details
        </Link>
      </div>
    </article>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
