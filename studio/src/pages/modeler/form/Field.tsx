// The frame of a field: label, control, reset, and the problems that the check has found.
import { useId, type ReactNode } from "react";
import { StateIcon } from "../../../parts/icons";

export interface ControlProps {
  id: string;
  "aria-invalid"?: boolean | undefined;
  "aria-describedby"?: string | undefined;
  "aria-required"?: boolean | undefined;
}

interface Props {
  label: string;
  /** Path in the document, by which a problem finds its field. */
  path: string;
  hint?: string | undefined;
  problems?: readonly string[];
  isRequired?: boolean | undefined;
  /** Removes the value, so that the default holds; absent if nothing is set. */
  onReset?: (() => void) | undefined;
  children: (control: ControlProps) => ReactNode;
}

export function Field({ label, path, hint, problems = [], isRequired = false, onReset, children }: Props) {
  const id = useId();
  const described = [problems.length > 0 ? `${id}-problem` : "", hint ? `${id}-hint` : ""].filter(Boolean).join(" ");
  return (
    <div className="field argument" data-path={path}>
      <div className="argument-head">
        <label htmlFor={id}>{label}</label>
        {isRequired && <span className="required-mark">required</span>}
        {onReset && (
          <button type="button" className="link-button reset" aria-label={`Reset ${label} to its default`} title="Reset to default" onClick={onReset}>
            <StateIcon shape="reset" />
          </button>
        )}
      </div>
      {children({
        id,
        "aria-invalid": problems.length > 0 || undefined,
        "aria-describedby": described || undefined,
        "aria-required": isRequired || undefined,
      })}
      {problems.length > 0 && (
        <div id={`${id}-problem`} className="field-error">
          {problems.map((problem) => (
            <p key={problem}>{problem}</p>
          ))}
        </div>
      )}
      {hint && (
        <p id={`${id}-hint`} className="hint">
          {hint}
        </p>
      )}
    </div>
  );
}
