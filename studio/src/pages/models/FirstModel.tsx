/** The page Models without a model: the way to the first one. */

import { useId } from "react";
import { ALL } from "../../namespaces";
import { withNamespace } from "../../navigation";
import { Link } from "../../parts/Link";

export function FirstModel({ namespace, hasRuns }: { namespace: string; hasRuns: boolean }) {
  const id = useId();
  return (
    <section className="first-steps card" aria-labelledby={id}>
      <h2 id={id}>No models yet{namespace === ALL ? "" : ` in ${namespace}`}</h2>
      <ol>
        <li>
          <h3>Train a network</h3>
          <p>
            {hasRuns
              ? "A run has a model when it is Complete. The page Runs shows how far each one is."
              : "Connect a storage for your data and the results. Then start a run, or draw its network first."}
          </p>
          <div className="buttons">
            {hasRuns ? (
              <Link href={withNamespace("/", namespace)} className="button primary">
                Show the runs
              </Link>
            ) : (
              <>
                <Link href={withNamespace("/storage", namespace)} className="button primary">
                  Connect a storage
                </Link>
                <Link href={withNamespace("/new", namespace)} className="button">
                  New run
                </Link>
                <Link href={withNamespace("/modeler", namespace)} className="button">
                  Draw a network
                </Link>
              </>
            )}
          </div>
        </li>
        <li>
          <h3>Deploy its model</h3>
          <p>Ended runs with a model appear on this page. Deploy creates a ModelServer, which answers requests.</p>
        </li>
        <li>
          <h3>Try it</h3>
          <p>Give it a photograph, a drawing or a table, and look at its answer.</p>
        </li>
      </ol>
    </section>
  );
}
