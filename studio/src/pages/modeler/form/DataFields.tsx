// The fields of the data and of where it is stored. The page New run browses buckets; these take names that a user knows.
import { specPath, type EditorRim } from "../editor/rim";
import { FormProblems } from "./FormHead";
import { SpecField } from "./SpecField";

export function DataFields({ rim }: { rim: EditorRim }) {
  return (
    <div className="arguments">
      <FormProblems rim={rim} paths={["data", "storage", "results"].map((key) => specPath(rim, [key]))} />
      <SpecField rim={rim} label="Storage Secret" path={["storage", "secretRef", "name"]} type="string" placeholder="minio-credentials" isRequired hint="The Secret with the keys of the storage" />
      <SpecField rim={rim} label="Data bucket" path={["data", "bucket"]} type="string" placeholder="mnist-data" isRequired />
      <SpecField rim={rim} label="Training set" path={["data", "train"]} placeholder="{object: digits.npz}" isRequired hint="{object: FILE}, or {features: FILE, labels: FILE}" />
      <SpecField rim={rim} label="Validation" path={["data", "validation"]} placeholder="none" hint={'{split: "0.2"}, or files as above'} />
      <SpecField rim={rim} label="Test set" path={["data", "test"]} placeholder="none" />
      <SpecField rim={rim} label="Results bucket" path={["results", "bucket"]} type="string" placeholder="mnist-results" isRequired />
    </div>
  );
}
