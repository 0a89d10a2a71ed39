// A data set: its form, its files with a preview, and the split of a validation.
import { useState } from "react";
import { Loaded } from "../run/Loaded";
import { textField } from "../run/objectFields";
import { baseName, chooseForm, dataSet, fullKey, type Form, type Role, type Slot } from "./dataChoice";
import { CheckField, TextField } from "./Fields";
import { usePreview } from "./FileDialog";
import { useForm } from "./form";
import { PreviewView } from "./PreviewView";
import { useUploadsOfPage } from "./useUploads";

interface Props {
  slot: Slot;
  query: URLSearchParams;
  onBrowse: (role: Role) => void;
}

const TITLES: Record<Slot, string> = { train: "Training set", validation: "Validation", test: "Test set" };
const FORMS: Record<Slot, readonly Form[]> = {
  train: ["object", "pair"],
  validation: ["none", "split", "object", "pair"],
  test: ["none", "object", "pair"],
};
const FORM_NAMES: Record<Form, string> = { object: "One file", pair: "Features and labels", split: "A part of the training set", none: "None" };
const HINTS: Record<Slot, string> = {
  train: "An npz file with features and labels, or an idx file for each.",
  validation: "Measured after each epoch.",
  test: "Measured once, at the end.",
};

export function DataSetFields({ slot, query, onBrowse }: Props) {
  const { view, edit } = useForm();
  const { form, keys } = dataSet(view.job, slot);
  const shown = slot === "train" && form === "none" ? "object" : form;
  const roles: readonly Role[] = shown === "object" ? ["object"] : shown === "pair" ? ["features", "labels"] : [];
  const bucket = textField(view.job, "data.bucket");
  return (
    <fieldset className="data-set">
      <legend>{TITLES[slot]}</legend>
      <p className="hint">{HINTS[slot]}</p>
      <div className="segments" role="group" aria-label={`${TITLES[slot]}: form`}>
        {FORMS[slot].map((each) => (
          <button key={each} type="button" aria-pressed={each === shown} onClick={() => edit((document) => chooseForm(document, view, slot, each))}>
            {FORM_NAMES[each]}
          </button>
        ))}
      </div>
      {roles.map((role) => (
        <FileRow key={role} slot={slot} role={role} file={keys[role] ?? ""} onBrowse={() => onBrowse(role)} />
      ))}
      {shown === "split" && (
        <div className="form-row">
          <TextField path={`data.${slot}.split`} label="Fraction" inputMode="decimal" />
          <CheckField path={`data.${slot}.stratify`} label="The same share of each class" />
        </div>
      )}
      {roles.map((role) => {
        const key = keys[role];
        return key && bucket ? <FilePreview key={role} query={query} bucket={bucket} file={fullKey(view.job, key)} isOpenAtFirst={slot === "train"} /> : null;
      })}
    </fieldset>
  );
}

const ROLES: Record<Role, string> = { object: "File", features: "Features", labels: "Labels" };

function FileRow({ slot, role, file, onBrowse }: { slot: Slot; role: Role; file: string; onBrowse: () => void }) {
  const name = `${ROLES[role].toLowerCase()} for ${TITLES[slot].toLowerCase()}`;
  return (
    <div className="file-row">
      <span className="file-role">{ROLES[role]}</span>
      {file ? <code className="file-name">{file}</code> : <span className="quiet file-name">Not chosen</span>}
      <button type="button" className={file ? "button" : "button primary"} aria-label={`${file ? "Change" : "Choose"} the ${name}`} onClick={onBrowse}>
        {file ? "Change" : "Choose"}
      </button>
    </div>
  );
}

/** The preview of a chosen file. It is requested once it is open. */
function FilePreview({ query, bucket, file, isOpenAtFirst }: { query: URLSearchParams; bucket: string; file: string; isOpenAtFirst: boolean }) {
  const [isOpen, setOpen] = useState(isOpenAtFirst);
  const preview = usePreview(query, bucket, isOpen ? file : null, useUploadsOfPage().stored);
  return (
    <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Preview of {baseName(file)}</summary>
      {isOpen && (
        <Loaded resource={preview} name={`the preview of ${file}`}>
          {(data) => <PreviewView preview={data} />}
        </Loaded>
      )}
    </details>
  );
}
