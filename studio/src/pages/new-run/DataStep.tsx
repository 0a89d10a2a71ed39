// The data: the storage with its Secret, and the files for training, validation and test.
import { useState } from "react";
import { withNamespace } from "../../navigation";
import { Link } from "../../parts/Link";
import { ProblemBox } from "../../parts/ProblemBox";
import { Loaded } from "../run/Loaded";
import { textField } from "../run/objectFields";
import { useResource } from "../run/useResource";
import type { Storage } from "../../wire";
import { baseName, chooseObject, dataSet, fullKey, storageQuery, type Role, type Slot } from "./dataChoice";
import { DataSetFields } from "./DataSetFields";
import type { View } from "./document";
import { CheckField, SelectField, SelectInput, TextField } from "./Fields";
import { FileDialog } from "./FileDialog";
import { useForm } from "./form";
import { UploadList } from "./UploadList";
import { useUploadsOfPage } from "./useUploads";

const NAMES: Record<Slot, string> = { train: "training", validation: "validation", test: "test" };

export function DataStep() {
  const form = useForm();
  const { view, namespace, edit } = form;
  const uploads = useUploadsOfPage();
  const [choosing, setChoosing] = useState<{ slot: Slot; role: Role }>();
  const query = storageQuery(view, namespace);

  function choose(bucket: string, key: string): void {
    if (choosing) edit((document) => chooseObject(document, view, choosing.slot, choosing.role, bucket, key));
    setChoosing(undefined);
  }

  const chosen = choosing && dataSet(view.job, choosing.slot).keys[choosing.role];
  return (
    <>
      <StorageChoice />
      {query ? (
        <>
          {(["train", "validation", "test"] as const).map((slot) => (
            <DataSetFields key={slot} slot={slot} query={query} onBrowse={(role) => setChoosing({ slot, role })} />
          ))}
          {!choosing && <UploadList uploads={uploads} />}
          <details>
            <summary>Bucket, prefix, format and order</summary>
            <div className="form-row">
              <TextField path="data.bucket" label="Bucket" />
              <TextField path="data.prefix" label="Prefix" />
              <SelectField path="data.format" label="Format" />
            </div>
            <CheckField path="data.shuffle" label="Shuffle the training set before the split" />
          </details>
        </>
      ) : (
        <p className="quiet">Choose a storage to browse its buckets.</p>
      )}
      {choosing && query && (
        <FileDialog
          title={`Choose the ${choosing.role === "object" ? "file" : choosing.role} for ${NAMES[choosing.slot]}`}
          query={query}
          bucket={textField(view.job, "data.bucket")}
          chosen={chosen ? fullKey(view.job, chosen) : null}
          uploads={uploads}
          onChoose={choose}
          onClose={() => setChoosing(undefined)}
        />
      )}
    </>
  );
}

function StorageChoice() {
  const { view, namespace, set } = useForm();
  const storage = useResource<Storage>(`/api/storage?${new URLSearchParams({ namespace })}`);
  const secret = textField(view.job, "storage.secretRef.name") ?? "";
  const endpoint = textField(view.job, "storage.endpoint") ?? "";
  return (
    <Loaded resource={storage} name="the storages">
      {({ secrets, endpoints, defaultEndpoint, isCut }) => (
        <>
          {secrets?.length === 0 && (
            <div className="part-problem">
              <ProblemBox
                tone="warning"
                problem={{ reason: "NoStorage", message: `${namespace} has no storage yet.`, remedy: "Connect one: Studio keeps its keys in a Secret of the namespace.", current: null }}
              />
              <Link href={withNamespace("/storage", namespace)} className="button primary">
                Connect a storage
              </Link>
            </div>
          )}
          <div className="form-row">
            {secrets && secrets.length > 0 ? (
              <SelectInput
                label="Storage"
                value={secret}
                options={secrets}
                hint={isCut ? "The Secret with the keys. The namespace has many Secrets: type another one in the YAML." : "The Secret with the keys."}
                error={secret && !isCut && !secrets.includes(secret) ? `${namespace} has no Secret ${secret} with the keys of a storage.` : undefined}
                onChange={(name) => set("storage.secretRef.name", name || undefined)}
              />
            ) : (
              <TextField path="storage.secretRef.name" label="Storage" hint={secrets ? "The Secret with the keys." : "You may not list the Secrets here, so type the name of the Secret with the keys."} />
            )}
            {(endpoints.length > 1 || endpoint !== "") && (
              <SelectInput
                label="Endpoint"
                value={endpoint === defaultEndpoint ? "" : endpoint}
                options={endpoints.filter((each) => each !== defaultEndpoint)}
                none={defaultEndpoint ? `Default: ${defaultEndpoint}` : "Not set"}
                error={endpoint && !endpoints.includes(endpoint) ? "Studio does not connect to it: an administrator adds it to studio.storageEndpoints." : undefined}
                onChange={(address) => set("storage.endpoint", address || undefined)}
              />
            )}
          </div>
        </>
      )}
    </Loaded>
  );
}

/** Returns the data of a run in a few words; empty without any. */
export function dataSummary({ job }: View): string {
  const { keys } = dataSet(job, "train");
  const names = Object.values(keys).filter(Boolean).map(baseName);
  const bucket = textField(job, "data.bucket");
  if (names.length === 0 || !bucket) return "";
  return `${names.join(" and ")} in ${bucket}`;
}
