import { expect, test } from "vitest";
import { baseName, chooseForm, chooseObject, dataSet, folderOf, fullKey, storageQuery, type Slot } from "./dataChoice";
import { edit, read, type View } from "./document";

const TEXT = `kind: TrainingJob
metadata: {name: mnist, namespace: vision}
spec:
  storage: {endpoint: http://minio:9000, secretRef: {name: keys}}
  data:
    bucket: mnist
    prefix: digits/
    train: {features: images.idx, labels: labels.idx}
    validation: {split: "0.2", stratify: true}
    test: {object: test.npz}
`;

function view(text: string): View {
  const found = read(text);
  if (typeof found === "string") throw new Error(found);
  return found;
}

function sets(text: string): unknown {
  return view(text).job["data"];
}

const choose = (slot: Slot, role: "object" | "features" | "labels", bucket: string, key: string, text = TEXT) =>
  edit(text, (document) => chooseObject(document, view(text), slot, role, bucket, key));

test("data sets of a spec have their form and keys", () => {
  expect(dataSet(view(TEXT).job, "train")).toEqual({ form: "pair", keys: { features: "images.idx", labels: "labels.idx" } });
  expect(dataSet(view(TEXT).job, "validation").form).toBe("split");
  expect(dataSet({}, "test")).toEqual({ form: "none", keys: {} });
  expect(fullKey(view(TEXT).job, "a")).toBe("digits/a");
});

test("a key below the prefix is written without it", () => {
  expect(sets(choose("validation", "object", "mnist", "digits/val.npz"))).toMatchObject({ prefix: "digits/", validation: { object: "val.npz" } });
});

test("a key outside of the prefix removes it, and the other keys stay the same objects", () => {
  expect(sets(choose("train", "object", "mnist", "other/a.npz"))).toEqual({
    bucket: "mnist", train: { object: "other/a.npz" }, validation: { split: "0.2", stratify: true }, test: { object: "digits/test.npz" },
  });
});

test("an object of another bucket changes the bucket", () => {
  expect(sets(choose("train", "labels", "flowers", "digits/y.idx"))).toMatchObject({
    bucket: "flowers", train: { features: "digits/images.idx", labels: "digits/y.idx" },
  });
});

test("the first choice of a blank spec", () => {
  expect(sets(choose("train", "object", "b", "x.npz", "kind: TrainingJob\nspec: {}\n"))).toEqual({ bucket: "b", train: { object: "x.npz" } });
});

test.each([
  ["train", "object", { object: "images.idx" }],
  ["train", "pair", { features: "images.idx", labels: "labels.idx" }],
  ["test", "pair", { features: "test.npz", labels: "" }],
  ["test", "none", undefined],
  ["validation", "object", { object: "" }],
  ["test", "split", { split: "0.2" }],
] as const)("%s as %s", (slot, form, expected) => {
  const text = edit(TEXT, (document) => chooseForm(document, view(TEXT), slot, form));
  expect((sets(text) as Record<string, unknown>)[slot]).toEqual(expected);
});

test("the storage of the requests is that of the spec", () => {
  expect(String(storageQuery(view(TEXT), "other"))).toBe("namespace=vision&secret=keys&endpoint=http%3A%2F%2Fminio%3A9000");
  expect(storageQuery(view("kind: TrainingJob\nspec: {}\n"), "vision")).toBeNull();
});

test("folders and names of keys", () => {
  expect([folderOf("a/b/c.npz"), folderOf("c.npz"), baseName("a/b/"), baseName("a/c.npz")]).toEqual(["a/b/", "", "b", "c.npz"]);
});
