// The run itself, while no layer is selected.
import { FormHead } from "./FormHead";
import type { EditorRim } from "../editor/rim";
import { DataFields } from "./DataFields";
import { TrainingFields } from "./TrainingFields";

const KEYS: readonly [string, string][] = [
  ["Arrow keys", "go along the connections"],
  ["Enter", "opens the form of the layer, or a block"],
  ["/", "searches a layer to add"],
  ["C", "connects the layer"],
  ["U", "uses the layer again, with the same weights"],
  ["I", "adds an input"],
  ["Delete", "removes the selected layers"],
  ["Ctrl+C, X, V, D", "copy, cut, paste, duplicate"],
  ["Ctrl+Z, Ctrl+Shift+Z", "undo, redo"],
  ["Ctrl+S", "saves"],
];

export function RunForm({ rim }: { rim: EditorRim }) {
  return (
    <div className="form-body">
      <FormHead title="Run" subtitle="Select a layer to change it" />
      <DataFields rim={rim} />
      <TrainingFields rim={rim} />
      <details className="keys">
        <summary>Keys of the canvas</summary>
        <dl>
          {KEYS.map(([keys, effect]) => (
            <div key={keys}>
              <dt>
                <kbd>{keys}</kbd>
              </dt>
              <dd>{effect}</dd>
            </div>
          ))}
        </dl>
      </details>
    </div>
  );
}
