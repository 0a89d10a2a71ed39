// The list without rows: the first steps of a new user, and a filter that nothing passes.
import { useId } from "react";
import { ALL } from "../../namespaces";
import { NamespaceInput } from "../../Header";
import { withNamespace } from "../../navigation";
import { CopyableCommand } from "../../parts/CopyableCommand";
import { Link } from "../../parts/Link";
import type { Tab } from "./view";

export function FirstSteps({ namespace }: { namespace: string }) {
  const id = useId();
  const isOne = namespace !== ALL;
  const flag = isOne ? ` --namespace ${namespace}` : "";
  return (
    <section className="first-steps card" aria-labelledby={id}>
      <h2 id={id}>No runs yet{isOne ? ` in ${namespace}` : ""}</h2>
      <ol>
        <li>
          <h3>Connect a storage</h3>
          <p>Its buckets hold your data and the results. Studio keeps its keys in a Secret of your namespace.</p>
          <Link href={withNamespace("/storage", namespace)} className="button primary">
            Connect a storage
          </Link>
        </li>
        <li>
          <h3>Start a run</h3>
          <p>New run leads from a template and your data to the training. Draw a network opens the modeler.</p>
          <div className="buttons">
            <Link href={withNamespace("/new", namespace)} className="button">
              New run
            </Link>
            <Link href={withNamespace("/modeler", namespace)} className="button">
              Draw a network
            </Link>
          </div>
        </li>
        <li>
          <h3>Watch it train</h3>
          <p>It appears on this page at once, as does every run that kubectl creates. Its own page shows its curves and log.</p>
        </li>
        <li>
          <h3>Deploy and try its model</h3>
          <p>The page Models lists the model of the ended run. Deploy it, and give it a photograph, a drawing or a table.</p>
          <Link href={withNamespace("/models", namespace)} className="button">
            Show the models
          </Link>
        </li>
      </ol>
      <details>
        <summary>Start a run from a terminal</summary>
        <CopyableCommand command="epochal init flowers.csv" />
        <CopyableCommand command={`epochal submit flowers.yaml${flag}`} />
      </details>
    </section>
  );
}

const NOUNS: Record<Tab, string> = { runs: "runs", TrainingJob: "TrainingJobs", Experiment: "Experiments", ModelServer: "ModelServers" };

export function NoMatch({ isFiltered, tab, onClear }: { isFiltered: boolean; tab: Tab; onClear: () => void }) {
  if (!isFiltered) {
    return (
      <div className="empty">
        <h2>No {NOUNS[tab]}</h2>
        {tab === "ModelServer" && <p>A ModelServer answers requests with a trained model. Open a run that is Complete, and choose Deploy.</p>}
      </div>
    );
  }
  return (
    <div className="empty">
      <h2>No {NOUNS[tab]} pass the filter</h2>
      <button
        type="button"
        className="button"
        onClick={() => {
          onClear();
          // The button goes with this message.
          document.querySelector<HTMLElement>('input[type="search"]')?.focus();
        }}
      >
        Clear the filter
      </button>
    </div>
  );
}

export function NoNamespace({ page = "runs" }: { page?: "runs" | "models" }) {
  return (
    <div className="page">
      <div className="empty">
        <h1>Which namespace?</h1>
        <p>You may not list the namespaces of this cluster, so type the name of yours. The address of the page then has it.</p>
        <NamespaceInput namespace={null} route={{ page }} />
      </div>
    </div>
  );
}
