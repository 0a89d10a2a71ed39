// Connects a storage: the back end tests its keys, stores them in a Secret, and lists its buckets.
import { useState } from "react";
import { ALL } from "../../namespaces";
import { NamespaceInput } from "../../Header";
import { navigate, withNamespace } from "../../navigation";
import { ProblemBox } from "../../parts/ProblemBox";
import { useTitle } from "../../parts/useTitle";
import type { Session, Storage } from "../../wire";
import { useResource } from "../run/useResource";
import { Connected } from "./Connected";
import { StorageForm } from "./StorageForm";
import "./storage.css";

export default function StoragePage({ namespace, session }: { namespace: string | null; session: Session }) {
  useTitle("Storage");
  return (
    <div className="page storage-page">
      <h1>Storage</h1>
      {namespace && namespace !== ALL ? (
        <NamespaceStorage key={namespace} namespace={namespace} />
      ) : (
        <div className="card">
          <h2>Which namespace?</h2>
          <p className="quiet">The keys of a storage are stored in a Secret of one namespace.</p>
          {session.namespaces ? (
            <ul className="choices">
              {session.namespaces.map((name) => (
                <li key={name}>
                  <button type="button" className="button" onClick={() => navigate(withNamespace("/storage", name))}>
                    {name}
                  </button>
                </li>
              ))}
            </ul>
          ) : (
            <NamespaceInput namespace={null} route={{ page: "storage" }} />
          )}
        </div>
      )}
    </div>
  );
}

function NamespaceStorage({ namespace }: { namespace: string }) {
  const storage = useResource<Storage>(`/api/storage?${new URLSearchParams({ namespace })}`);
  const [connected, setConnected] = useState<{ secret: string; answer: Storage }>();

  if (connected) {
    return (
      <Connected
        namespace={namespace}
        secret={connected.secret}
        storage={connected.answer}
        onAgain={() => {
          setConnected(undefined);
          storage.retry();
        }}
      />
    );
  }
  if (!storage.data) {
    return storage.problem ? <ProblemBox problem={storage.problem} /> : <p role="status">Loading the storages of {namespace}…</p>;
  }
  return (
    <>
      <Secrets namespace={namespace} secrets={storage.data.secrets} isCut={storage.data.isCut ?? false} />
      <StorageForm namespace={namespace} storage={storage.data} onConnected={(secret, answer) => setConnected({ secret, answer })} />
    </>
  );
}

function Secrets({ namespace, secrets, isCut }: { namespace: string; secrets: readonly string[] | null; isCut: boolean }) {
  return (
    <section className="card" aria-labelledby="secrets">
      <h2 id="secrets">Storages in {namespace}</h2>
      {secrets === null ? (
        <p className="quiet">You may not list the Secrets of this namespace, so its storages are not shown.</p>
      ) : secrets.length === 0 ? (
        <p className="quiet">There is none yet: no Secret has the keys <code>accessKey</code> and <code>secretKey</code>.</p>
      ) : (
        <>
          <p className="quiet">These Secrets have the keys of a storage. A TrainingJob names one in <code>spec.storage.secretRef</code>.</p>
          <ul className="chips">
            {secrets.map((name) => (
              <li key={name}>
                <code>{name}</code>
              </li>
            ))}
          </ul>
        </>
      )}
      {isCut && <p className="hint">This namespace has many or large Secrets, and there may be more storages.</p>}
    </section>
  );
}
