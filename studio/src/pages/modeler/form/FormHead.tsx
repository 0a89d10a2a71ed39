// The head of a form: its title, and the problems that belong to no field of it.
import type { Path } from "../../../modeler/json";
import { StateIcon } from "../../../parts/icons";
import type { EditorRim } from "../editor/rim";

export function FormHead({ title, subtitle }: { title: string; subtitle: string }) {
  return (
    <div className="form-head">
      <h3>{title}</h3>
      {subtitle && subtitle !== title && <p className="hint">{subtitle}</p>}
    </div>
  );
}

export function FormProblems({ rim, paths }: { rim: EditorRim; paths: readonly Path[] }) {
  const messages = rim.problems.exactly(paths);
  if (messages.length === 0) return null;
  return (
    <div className="problem error" role="note">
      <StateIcon shape="cross" />
      <div>
        {messages.map((message) => (
          <p key={message}>{message}</p>
        ))}
      </div>
    </div>
  );
}
