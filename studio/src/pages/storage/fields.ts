// The fields of the form for a storage: what can be seen without the back end, and the field of a refusal. Pure.
import { nameProblem } from "../../parts/actions/requests";
import type { ConnectStorage, Problem } from "../../wire";

export type Field = "secret" | "endpoint" | "accessKey" | "secretKey" | "sessionToken" | "region" | "caConfigMap" | "dataBucket" | "resultsBucket";

export interface Values extends Record<Field, string> {
  createsBuckets: boolean;
}

export type FieldErrors = Partial<Record<Field, string>>;

const MAX_KEY = 1024;
const MAX_SESSION_TOKEN = 8192;

/** Returns the problems of values that no storage would accept. */
export function findErrors(values: Values): FieldErrors {
  const errors: FieldErrors = {};
  const secret = nameProblem(values.secret.trim());
  if (secret) errors.secret = secret;
  if (values.endpoint.trim() === "") errors.endpoint = "Choose the address of the storage.";
  const access = keyProblem(values.accessKey, "access key", MAX_KEY);
  if (access) errors.accessKey = access;
  const key = keyProblem(values.secretKey, "secret key", MAX_KEY);
  if (key) errors.secretKey = key;
  if (values.sessionToken.trim().length > MAX_SESSION_TOKEN) errors.sessionToken = `A session token has at most ${MAX_SESSION_TOKEN} characters.`;
  if (values.caConfigMap.trim()) {
    const map = nameProblem(values.caConfigMap.trim());
    if (map) errors.caConfigMap = map;
  }
  if (values.createsBuckets) {
    for (const field of ["dataBucket", "resultsBucket"] as const) {
      const bucket = bucketProblem(values[field].trim());
      if (bucket) errors[field] = bucket;
    }
  }
  return errors;
}

function keyProblem(text: string, noun: string, most: number): string {
  const key = text.trim();
  if (key === "") return `Paste the ${noun} of the storage.`;
  return key.length > most ? `The ${noun} has ${key.length} characters; at most ${most} are allowed.` : "";
}

function bucketProblem(name: string): string {
  if (/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/u.test(name)) return "";
  return `${JSON.stringify(name)} is no name of a bucket: use 3 to 63 small letters, digits, dots and hyphens.`;
}

/** Returns the request of valid values. */
export function toRequest(namespace: string, values: Values): ConnectStorage {
  const token = values.sessionToken.trim();
  const authority = values.caConfigMap.trim();
  const region = values.region.trim();
  const buckets = [values.dataBucket.trim(), values.resultsBucket.trim()];
  return {
    namespace,
    secret: values.secret.trim(),
    endpoint: values.endpoint.trim(),
    accessKey: values.accessKey.trim(),
    secretKey: values.secretKey.trim(),
    ...(token ? { sessionToken: token } : {}),
    ...(region ? { region } : {}),
    ...(authority ? { caConfigMap: authority } : {}),
    createBuckets: values.createsBuckets ? [...new Set(buckets)] : [],
  };
}

const REASONS: Record<string, Field> = {
  NameConflict: "secret",
  EndpointNotAllowed: "endpoint",
  EndpointUnreachable: "endpoint",
  NoStorageEndpoint: "endpoint",
  InvalidStorage: "endpoint",
  CredentialsRefused: "accessKey",
  WrongRegion: "region",
  ResultsNotWritable: "dataBucket",
};
const PREFIXES: readonly [prefix: string, field: Field][] = [
  ["createBuckets", "dataBucket"],
  ["accessKey", "accessKey"],
  ["secretKey", "secretKey"],
  ["sessionToken", "sessionToken"],
  ["caConfigMap", "caConfigMap"],
  ["region", "region"],
];

/** Returns the field that a refusal of the back end belongs to; undefined if it belongs to none. */
export function fieldOf({ reason, message }: Problem): Field | undefined {
  return REASONS[reason] ?? PREFIXES.find(([prefix]) => message.startsWith(prefix))?.[1];
}
