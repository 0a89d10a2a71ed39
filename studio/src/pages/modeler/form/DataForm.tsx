// The form of the data.
import type { EditorRim } from "../editor/rim";
import { DataFields } from "./DataFields";
import { FormHead } from "./FormHead";

export function DataForm({ rim }: { rim: EditorRim }) {
  return (
    <div className="form-body">
      <FormHead title="Data" subtitle="What the network learns from" />
      <DataFields rim={rim} />
    </div>
  );
}
