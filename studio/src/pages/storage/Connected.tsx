// The storage after its keys have worked.
import { useEffect, useRef } from "react";
import { withNamespace } from "../../navigation";
import { StateIcon } from "../../parts/icons";
import { Link } from "../../parts/Link";
import type { Storage } from "../../wire";

interface Props {
  namespace: string;
  secret: string;
  storage: Storage;
  onAgain: () => void;
}

export function Connected({ namespace, secret, storage, onAgain }: Props) {
  const head = useRef<HTMLHeadingElement>(null);
  // The form is gone, and its focus with it.
  useEffect(() => head.current?.focus(), []);
  const created = storage.created ?? [];
  return (
    <section className="card connected">
      <h2 ref={head} tabIndex={-1}>
        <StateIcon shape="check" /> The storage is connected
      </h2>
      <p>
        Its keys work, and are stored in the Secret <code>{secret}</code> of {namespace}. Studio keeps no copy.
      </p>
      {storage.buckets ? (
        <>
          <h3>Buckets</h3>
          {storage.buckets.length === 0 && <p className="quiet">The storage has no buckets yet.</p>}
          <ul className="chips">
            {storage.buckets.map((name) => (
              <li key={name}>
                <code>{name}</code>
                {created.includes(name) && <span className="badge tone-ok">new</span>}
              </li>
            ))}
          </ul>
        </>
      ) : (
        <p className="quiet">These keys may not list buckets. A training can use a bucket all the same, if they may read and write it.</p>
      )}
      <div className="buttons">
        <Link href={withNamespace("/new", namespace)} className="button primary">
          New run
        </Link>
        <Link href={withNamespace("/", namespace)} className="button">
          Show the runs
        </Link>
        <button type="button" className="button" onClick={onAgain}>
          Connect another storage
        </button>
      </div>
    </section>
  );
}
