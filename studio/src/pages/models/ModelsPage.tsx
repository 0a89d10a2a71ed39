/** The models of a namespace: the ModelServers, and the ended runs whose models can be deployed. */

import { useMemo, useState, useSyncExternalStore } from "react";
import { ALL } from "../../namespaces";
import { StateIcon } from "../../parts/icons";
import { useTitle } from "../../parts/useTitle";
import { useRuns, useStreamStatus } from "../../stream/RunsProvider";
import { NoNamespace } from "../runs/EmptyStates";
import { DeployableTable } from "./DeployableTable";
import { FirstModel } from "./FirstModel";
import { listsOf } from "./lists";
import { ServerCards } from "./ServerCards";
import "../../charts/charts.css";
import "../run/run.css";
import "../runs/runs.css";
import "./models.css";

export default function ModelsPage({ namespace }: { namespace: string | null }) {
  useTitle(namespace && namespace !== ALL ? `Models in ${namespace}` : "Models");
  return namespace ? <Models key={namespace} namespace={namespace} /> : <NoNamespace page="models" />;
}

function Models({ namespace }: { namespace: string }) {
  const { store } = useRuns();
  const status = useStreamStatus();
  const isLoaded = useSyncExternalStore(store.subscribe, () => store.isLoaded);
  const runs = useSyncExternalStore(store.subscribe, store.list);
  const [text, setText] = useState("");
  const [withTrials, setWithTrials] = useState(false);
  const all = useMemo(() => listsOf(runs, "", true), [runs]);
  const { servers, models } = useMemo(() => listsOf(runs, text, withTrials), [runs, text, withTrials]);
  const hasTrials = all.models.some(({ experiment }) => experiment);
  const isEmpty = all.servers.length === 0 && all.models.length === 0;
  const kinds = status.status === "live" ? status.connection.kinds : null;
  return (
    <div className="page models-page">
      <div className="page-head">
        <h1>Models</h1>
      </div>
      {!isLoaded ? (
        <p className="empty" role="status">
          {status.status === "lost" ? "The models are shown as soon as Studio is connected." : "Loading models…"}
        </p>
      ) : isEmpty && kinds?.length === 0 ? (
        <p className="empty">You may not list the models here. The message above names the cause.</p>
      ) : isEmpty ? (
        <FirstModel namespace={namespace} hasRuns={runs.length > 0} />
      ) : (
        <>
          <Filter text={text} onText={setText} />
          <section className="models-part" aria-labelledby="servers-title">
            <h2 id="servers-title">
              Served models <span className="count">{servers.length}</span>
            </h2>
            {servers.length > 0 ? (
              <ServerCards servers={servers} namespace={namespace} />
            ) : (
              <p className="hint">{noServers(all.servers.length > 0, kinds?.includes("ModelServer") ?? true)}</p>
            )}
          </section>
          <section className="models-part" aria-labelledby="models-title">
            <div className="card-head">
              <h2 id="models-title">
                Trained models <span className="count">{models.length}</span>
              </h2>
              {hasTrials && (
                <label className="check">
                  <input type="checkbox" checked={withTrials} onChange={(event) => setWithTrials(event.target.checked)} />
                  Trials of Experiments
                </label>
              )}
            </div>
            {models.length > 0 ? (
              <DeployableTable models={models} namespace={namespace} />
            ) : (
              <p className="hint">{noModels(all.models.length > 0, text !== "")}</p>
            )}
          </section>
        </>
      )}
    </div>
  );
}

function noServers(isFiltered: boolean, mayWatch: boolean): string {
  if (isFiltered) return "No server passes the filter.";
  return mayWatch ? "No model is served yet. Deploy one of those below." : "You may not list ModelServers here.";
}

function noModels(hasModels: boolean, isFiltered: boolean): string {
  if (!hasModels) return "No ended run has a model yet.";
  return isFiltered ? "No run passes the filter." : "Only trials of Experiments have a model yet.";
}

function Filter({ text, onText }: { text: string; onText: (text: string) => void }) {
  return (
    <div className="toolbar" role="search">
      <div className="filter">
        <label className="visually-hidden" htmlFor="models-filter">
          Filter by name, state, source or namespace
        </label>
        <StateIcon shape="search" />
        <input
          id="models-filter"
          type="search"
          placeholder="Filter by name, state or source"
          value={text}
          maxLength={200}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => onText(event.target.value)}
        />
      </div>
    </div>
  );
}
