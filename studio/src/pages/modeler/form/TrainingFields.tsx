// The fields of the training that belong to no layer: epochs, batch size, seed and precision.
import type { EditorRim } from "../editor/rim";
import { SpecField } from "./SpecField";

export function TrainingFields({ rim }: { rim: EditorRim }) {
  return (
    <fieldset className="fields">
      <legend>Training</legend>
      <div className="field-pair">
        <SpecField rim={rim} label="Epochs" path={["training", "epochs"]} type="integer" placeholder="1" />
        <SpecField rim={rim} label="Batch size" path={["training", "batchSize"]} type="integer" placeholder="32" />
      </div>
      <div className="field-pair">
        <SpecField rim={rim} label="Seed" path={["training", "seed"]} type="integer" placeholder="random" />
        <SpecField rim={rim} label="Precision" path={["training", "precision"]} type="string" placeholder="Float32" />
      </div>
    </fieldset>
  );
}
