// The data sets of a run: which objects it reads, and how a chosen file becomes a part of the spec. Pure.
import type { Document } from "yaml";
import { field, textField } from "../run/objectFields";
import { asRecord, jobPath, set, type View } from "./document";

export const SLOTS = ["train", "validation", "test"] as const;
export type Slot = (typeof SLOTS)[number];
/** The part of a data set that an object is. */
export type Role = "object" | "features" | "labels";
/** The form of a data set: one object, an object each for features and labels, a part of the training set, or none. */
export type Form = "object" | "pair" | "split" | "none";

export interface DataSet {
  form: Form;
  /** Keys below the prefix, by role. */
  keys: Partial<Record<Role, string>>;
}

/** Returns a data set of a spec. */
export function dataSet(job: Record<string, unknown>, slot: Slot): DataSet {
  const found = asRecord(field(job, `data.${slot}`));
  const keys = Object.fromEntries(
    (["object", "features", "labels"] as const).flatMap((role) => {
      const key = found[role];
      return typeof key === "string" ? [[role, key]] : [];
    }),
  );
  const form = "split" in found ? "split" : "features" in found || "labels" in found ? "pair" : "object" in found ? "object" : "none";
  return { form, keys };
}

/** Returns the key of an object in the bucket: the spec has it without the prefix. */
export function fullKey(job: Record<string, unknown>, key: string): string {
  return (textField(job, "data.prefix") ?? "") + key;
}

/** Returns the query that names the storage of a run; null without a Secret. */
export function storageQuery({ job, namespace }: View, page: string): URLSearchParams | null {
  const secret = textField(job, "storage.secretRef.name");
  if (!secret) return null;
  const query = new URLSearchParams({ namespace: namespace || page, secret });
  for (const [name, path] of [["endpoint", "storage.endpoint"], ["region", "storage.region"], ["ca", "storage.caConfigMapRef.name"]] as const) {
    const value = textField(job, path);
    if (value) query.set(name, value);
  }
  return query;
}

/** Writes a chosen object into the spec. An object of another bucket, or outside of the prefix, changes these for all data sets. */
export function chooseObject(document: Document, view: View, slot: Slot, role: Role, bucket: string, key: string): void {
  const root = [...jobPath(view.kind), "data"];
  const before = textField(view.job, "data.bucket");
  const prefix = textField(view.job, "data.prefix") ?? "";
  let within = key;
  if (prefix && (before === null || before === bucket) && key.startsWith(prefix) && key !== prefix) {
    within = key.slice(prefix.length);
  } else if (prefix) {
    for (const other of SLOTS) {
      for (const [name, old] of Object.entries(dataSet(view.job, other).keys)) set(document, [...root, other, name], prefix + old);
    }
    set(document, [...root, "prefix"], undefined);
  }
  set(document, [...root, "bucket"], bucket);
  const opposite: readonly string[] = role === "object" ? ["features", "labels", "split", "stratify"] : ["object", "split", "stratify"];
  set(document, [...root, slot, role], within);
  for (const name of opposite) set(document, [...root, slot, name], undefined);
}

/** Changes the form of a data set. Keys of another form do not fit, and go. */
export function chooseForm(document: Document, view: View, slot: Slot, form: Form): void {
  const path = [...jobPath(view.kind), "data", slot];
  const old = dataSet(view.job, slot);
  if (old.form === form) return;
  set(document, path, undefined);
  if (form === "split") set(document, path, { split: "0.2" });
  if (form === "object") set(document, path, { object: old.keys.features ?? "" });
  if (form === "pair") set(document, path, { features: old.keys.object ?? "", labels: "" });
}

/** Returns the folder of a key, with its slash; empty for the top of a bucket. */
export function folderOf(key: string): string {
  return key.slice(0, key.lastIndexOf("/") + 1);
}

/** Returns the last part of a key or folder. */
export function baseName(key: string): string {
  return key.replace(/\/$/u, "").split("/").at(-1) ?? key;
}
