// The form for the keys of a storage. Errors stand at their field, and the first one gets the focus.
import { useEffect, useId, useRef, useState, type FormEvent } from "react";
import { problemOf, request } from "../../api/client";
import { describedBy, FieldNotes } from "../../parts/FieldNotes";
import { ProblemBox } from "../../parts/ProblemBox";
import type { Problem, Storage } from "../../wire";
import { fieldOf, findErrors, toRequest, type Field, type FieldErrors, type Values } from "./fields";

interface Props {
  namespace: string;
  storage: Storage;
  onConnected: (secret: string, answer: Storage) => void;
}

export function StorageForm({ namespace, storage, onConnected }: Props) {
  const form = useRef<HTMLFormElement>(null);
  const [values, setValues] = useState<Values>(() => startValues(namespace, storage));
  const [errors, setErrors] = useState<FieldErrors>({});
  const [refusal, setRefusal] = useState<Problem>();
  const [isBusy, setBusy] = useState(false);

  useEffect(() => {
    const [first] = Object.keys(errors);
    if (first) form.current?.querySelector<HTMLElement>(`[name="${first}"]`)?.focus();
  }, [errors]);

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    const found = findErrors(values);
    setRefusal(undefined);
    setErrors(found);
    if (Object.keys(found).length > 0) return;
    setBusy(true);
    try {
      const body = toRequest(namespace, values);
      onConnected(body.secret, await request<Storage>("/api/storage", { method: "POST", body }));
    } catch (error) {
      const problem = problemOf(error);
      const field = fieldOf(problem);
      setBusy(false);
      // The field of a bucket may be hidden: then the refusal stands below the form.
      if (field && (values.createsBuckets || field !== "dataBucket")) {
        setErrors({ [field]: [problem.message, problem.remedy].filter(Boolean).join(" ") });
      } else {
        setRefusal(problem);
      }
    }
  }

  const text = (name: Field) => ({
    name,
    value: values[name],
    error: errors[name],
    onChange: (value: string) => setValues((old) => ({ ...old, [name]: value })),
  });

  return (
    <form ref={form} className="card" onSubmit={(event) => void submit(event)} noValidate>
      <div>
        <h2>Connect a storage</h2>
        <p className="quiet">Any S3 service: MinIO, AWS, Ceph. Studio tests the keys, and stores them in a Secret of {namespace}.</p>
      </div>
      <div className="form-row">
        {storage.endpoints.length > 0 ? (
          <EndpointField {...text("endpoint")} endpoints={storage.endpoints} />
        ) : (
          <TextField {...text("endpoint")} label="Endpoint" hint="An administrator lists the allowed ones in the chart's value studio.storageEndpoints." />
        )}
        <TextField {...text("secret")} label="Name of the Secret" hint="A new name: Studio changes no Secret." />
      </div>
      <div className="form-row">
        <TextField {...text("accessKey")} label="Access key" />
        <TextField {...text("secretKey")} label="Secret key" type="password" />
      </div>
      <fieldset>
        <label className="check">
          <input
            type="checkbox"
            checked={values.createsBuckets}
            onChange={(event) => setValues((old) => ({ ...old, createsBuckets: event.target.checked }))}
          />
          Create two buckets if they are missing
        </label>
        {values.createsBuckets && (
          <div className="form-row">
            <TextField {...text("dataBucket")} label="Bucket for data" />
            <TextField {...text("resultsBucket")} label="Bucket for results" />
          </div>
        )}
      </fieldset>
      <details open={Boolean(errors.region ?? errors.sessionToken ?? errors.caConfigMap) || undefined}>
        <summary>Region, session token, certificate authority</summary>
        <div className="form-row">
          <TextField {...text("region")} label="Region" />
          <TextField {...text("sessionToken")} label="Session token" type="password" hint="Only for keys that end." />
          <TextField {...text("caConfigMap")} label="ConfigMap with the certificate authority" hint="Its key ca.crt has the certificate of a private https endpoint." />
        </div>
      </details>
      {refusal && <ProblemBox problem={refusal} />}
      <div className="buttons">
        <button type="submit" className="button primary" disabled={isBusy}>
          {isBusy ? "Testing the keys…" : "Connect"}
        </button>
      </div>
    </form>
  );
}

function startValues(namespace: string, { defaultEndpoint, endpoints, secrets }: Storage): Values {
  const isTaken = secrets?.includes("storage-credentials") ?? false;
  return {
    endpoint: defaultEndpoint || (endpoints[0] ?? ""),
    secret: isTaken ? "storage-credentials-2" : "storage-credentials",
    accessKey: "", secretKey: "", sessionToken: "", region: "us-east-1", caConfigMap: "",
    createsBuckets: false, dataBucket: `${namespace}-data`, resultsBucket: `${namespace}-results`,
  };
}

interface TextProps {
  name: Field;
  label: string;
  value: string;
  error: string | undefined;
  onChange: (value: string) => void;
  type?: "text" | "password";
  hint?: string;
}

function TextField({ name, label, value, error, onChange, type = "text", hint }: TextProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        name={name}
        type={type}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        {...describedBy({ id, error, hint })}
      />
      <FieldNotes id={id} error={error} hint={hint} isSpoken />
    </div>
  );
}

function EndpointField({ name, value, error, onChange, endpoints }: Omit<TextProps, "label"> & { endpoints: readonly string[] }) {
  const id = useId();
  const hint = "For another one, an administrator adds it to the chart's value studio.storageEndpoints.";
  return (
    <div className="field">
      <label htmlFor={id}>Endpoint</label>
      <select id={id} name={name} value={value} onChange={(event) => onChange(event.target.value)} {...describedBy({ id, error, hint })}>
        {endpoints.map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
      </select>
      <FieldNotes id={id} error={error} hint={hint} isSpoken />
    </div>
  );
}
