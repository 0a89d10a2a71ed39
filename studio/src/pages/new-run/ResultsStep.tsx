// The results: the name and namespace of the run, and the bucket that gets its model.
import { navigate, withNamespace } from "../../navigation";
import { nameProblem } from "../../parts/actions/requests";
import { textField } from "../run/objectFields";
import { useResource } from "../run/useResource";
import type { Buckets } from "../../wire";
import { storageQuery } from "./dataChoice";
import { set, type View } from "./document";
import { CheckField, SelectInput, TextField, TextInput } from "./Fields";
import { useForm } from "./form";

interface Props {
  /** Whether the run is stored: its namespace cannot change. */
  isStored: boolean;
}

export function ResultsStep({ isStored }: Props) {
  const { view, namespace, session, edit } = useForm();
  const query = storageQuery(view, namespace);
  const { data } = useResource<Buckets>(query ? `/api/buckets?${query}` : null);
  return (
    <>
      <div className="form-row">
        <TextInput
          label="Name of the run"
          value={view.name}
          hint={isStored ? "Another name makes a new run, and this one stays." : "It is part of the names of pods and results."}
          error={view.name ? nameProblem(view.name) || undefined : "Type a name."}
          onChange={(text) => edit((document) => set(document, ["metadata", "name"], text.trim()))}
        />
        {session.namespaces && !isStored ? (
          <SelectInput label="Namespace" value={namespace} options={session.namespaces} onChange={(name) => navigate(withNamespace("/new", name), { replace: true })} />
        ) : (
          <div className="field">
            <p className="field-label">Namespace</p>
            <p>{namespace}</p>
          </div>
        )}
      </div>
      <div className="form-row">
        <TextField path="results.bucket" label="Bucket for results" suggestions={data?.buckets ?? []} />
        <TextField path="results.prefix" label="Folder" />
      </div>
      <p className="hint">
        {query ? (
          <>
            The storage is that of the data: its keys are in the Secret <code>{textField(view.job, "storage.secretRef.name")}</code>.
          </>
        ) : (
          "The storage is that of the data: choose it in the step Data."
        )}
      </p>
      <details>
        <summary>Evaluation and best model</summary>
        <CheckField path="results.best" label="Store the model of the best epoch" />
        <CheckField path="results.evaluation" label="Evaluate the model at the end" />
      </details>
    </>
  );
}

/** Returns the place of the results in a few words. */
export function resultsSummary({ name, job }: View): string {
  const bucket = textField(job, "results.bucket");
  return bucket ? `${name} in ${bucket}` : name;
}
