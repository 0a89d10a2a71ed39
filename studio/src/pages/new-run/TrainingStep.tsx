// The training: epochs, loss, metrics, optimizer, precision, seed and checkpoints.
import { useId, useState, type FormEvent } from "react";
import { StateIcon } from "../../parts/icons";
import { field, listField } from "../run/objectFields";
import { useClasses } from "./catalogue";
import { asRecord, type View } from "./document";
import { fieldOf, hintOf, numberOf, shown, textOf } from "./fieldTexts";
import { SelectField, TextField, TextInput } from "./Fields";
import { useForm } from "./form";
import { problemAt } from "./problems";

/** Names without a class of their own in the catalogue that most trainings use. */
const COMMON_METRICS = ["accuracy"];

export function TrainingStep() {
  const { view } = useForm();
  const hasOutputs = "outputs" in asRecord(view.job["training"]);
  return (
    <>
      <div className="form-row">
        <TextField path="training.epochs" label="Epochs" parse={numberOf} inputMode="numeric" placeholder="1" />
        <TextField path="training.batchSize" label="Batch size" parse={numberOf} inputMode="numeric" placeholder="32" />
      </div>
      <Optimizer />
      {hasOutputs ? <Outputs /> : <LossAndMetrics />}
      <div className="form-row">
        <SelectField path="training.precision" label="Precision" />
        <TextField path="training.seed" label="Seed" parse={numberOf} inputMode="numeric" placeholder="0" />
      </div>
      <details>
        <summary>Checkpoints, best epoch and limits</summary>
        <div className="form-row">
          <TextField path="training.checkpoint.everyEpochs" label="Epochs between checkpoints" parse={numberOf} inputMode="numeric" placeholder="1" />
          <TextField path="training.checkpoint.everySeconds" label="Seconds between checkpoints" parse={numberOf} inputMode="numeric" />
          <TextField path="training.checkpoint.keep" label="Checkpoints to keep" parse={numberOf} inputMode="numeric" placeholder="2" />
          <TextField path="training.monitor.metric" label="Metric of the best epoch" />
          <TextField path="training.validationEveryEpochs" label="Epochs between validations" parse={numberOf} inputMode="numeric" placeholder="1" />
          <TextField path="training.stepsPerEpoch" label="Steps of an epoch" parse={numberOf} inputMode="numeric" />
        </div>
      </details>
    </>
  );
}

/** Returns the name of a Keras object: a name alone, or a mapping with one. */
export function nameOf(value: unknown): string {
  return typeof value === "string" ? value : shown(field(value, "name"));
}

function Optimizer() {
  const { view, set, checked } = useForm();
  const classes = useClasses("keras.optimizers");
  const path = "training.optimizer";
  const optimizer = field(view.job, path);
  const rate = field(optimizer, "learning_rate");
  const others = Object.keys(asRecord(optimizer)).filter((each) => each !== "name" && each !== "learning_rate");
  const error = problemAt(checked?.problems ?? [], path);

  function setRate(text: string): void {
    // A name alone has no arguments.
    if (typeof optimizer === "string") set(path, { name: optimizer, ...(text.trim() ? { learning_rate: numberOf(text) } : {}) });
    else set(optimizer === undefined ? path : `${path}.learning_rate`, optimizer === undefined ? { name: "RMSprop", learning_rate: numberOf(text) } : numberOf(text));
  }

  return (
    <>
      <div className="form-row">
        <TextInput
          label="Optimizer"
          value={nameOf(optimizer)}
          hint={hintOf(fieldOf(path))}
          error={error?.path.endsWith("learning_rate") ? undefined : error?.message}
          suggestions={classes}
          placeholder="RMSprop"
          onChange={(text) => set(typeof optimizer === "object" ? `${path}.name` : path, textOf(text))}
        />
        {typeof rate === "object" && rate !== null ? (
          <div className="field">
            <p className="field-label">Learning rate</p>
            <p>
              <code>{nameOf(rate)}</code>, a schedule
            </p>
            <p className="hint">Edit its arguments in the YAML.</p>
          </div>
        ) : (
          <TextInput
            label="Learning rate"
            value={shown(rate)}
            hint="An argument of the optimizer. Default: that of Keras."
            error={error?.path.endsWith("learning_rate") ? error.message : undefined}
            inputMode="decimal"
            placeholder="0.001"
            onChange={setRate}
          />
        )}
      </div>
      {others.length > 0 && <p className="hint">Other arguments of the optimizer, in the YAML: {others.join(", ")}.</p>}
    </>
  );
}

function LossAndMetrics() {
  const { view, set, checked } = useForm();
  const losses = useClasses("keras.losses");
  const loss = field(view.job, "training.loss");
  const isObject = typeof loss === "object" && loss !== null;
  return (
    <>
      <TextInput
        label="Loss"
        value={nameOf(loss)}
        hint={hintOf(fieldOf("training.loss"))}
        error={problemAt(checked?.problems ?? [], "training.loss")?.message}
        suggestions={losses}
        placeholder="SparseCategoricalCrossentropy"
        onChange={(text) => set(isObject ? "training.loss.name" : "training.loss", textOf(text))}
      />
      <Metrics />
    </>
  );
}

function Metrics() {
  const id = useId();
  const { view, set, edit, checked } = useForm();
  const classes = useClasses("keras.metrics");
  const [added, setAdded] = useState("");
  const metrics = field(view.job, "training.metrics");
  const list: readonly unknown[] = Array.isArray(metrics) ? metrics : [];
  const path = [...(view.kind === "Experiment" ? ["spec", "template", "spec"] : ["spec"]), "training", "metrics"];
  const error = problemAt(checked?.problems ?? [], "training.metrics")?.message;

  function add(event: FormEvent): void {
    event.preventDefault();
    const name = added.trim();
    if (!name || list.some((each) => nameOf(each) === name)) return;
    if (list.length === 0) set("training.metrics", [name]);
    else edit((document) => document.addIn(path, name));
    setAdded("");
  }

  function remove(index: number): void {
    if (list.length === 1) set("training.metrics", undefined);
    else edit((document) => document.deleteIn([...path, index]));
  }

  return (
    <form className="field" onSubmit={add}>
      <label htmlFor={id}>Metrics</label>
      {list.length > 0 && (
        <ul className="tags">
          {list.map((each, index) => (
            <li key={index}>
              <code>{nameOf(each)}</code>
              <button type="button" className="button icon-button" aria-label={`Remove the metric ${nameOf(each)}`} onClick={() => remove(index)}>
                <StateIcon shape="close" />
              </button>
            </li>
          ))}
        </ul>
      )}
      <span className="with-button">
        <input id={id} value={added} list={`${id}-list`} placeholder={list.length === 0 ? "accuracy" : "Another metric"} aria-invalid={error ? true : undefined} aria-describedby={`${id}-hint`} autoCapitalize="none" autoComplete="off" spellCheck={false} maxLength={128} onChange={(event) => setAdded(event.target.value)} />
        <button type="submit" className="button">
          Add
        </button>
      </span>
      <datalist id={`${id}-list`}>
        {[...COMMON_METRICS, ...classes].map((each) => (
          <option key={each} value={each} />
        ))}
      </datalist>
      {error && <p className="field-error">{error}</p>}
      <p id={`${id}-hint`} className="hint">
        {hintOf(fieldOf("training.metrics"))}
      </p>
    </form>
  );
}

/** A network with several outputs has a loss for each. */
function Outputs() {
  const { view, set, checked } = useForm();
  const losses = useClasses("keras.losses");
  return (
    <fieldset className="outputs">
      <legend>Loss of each output</legend>
      <p className="hint">Metrics and weights of the outputs are in the YAML.</p>
      <div className="form-row">
        {listField(view.job, "training.outputs").map((output, index) => {
          const isObject = typeof output["loss"] === "object" && output["loss"] !== null;
          return (
            <TextInput
              key={index}
              label={shown(output["name"]) || `Output ${index + 1}`}
              value={nameOf(output["loss"])}
              error={problemAt(checked?.problems ?? [], `training.outputs[${index}]`)?.message}
              suggestions={losses}
              onChange={(text) => set(["training", "outputs", index, "loss", ...(isObject ? ["name"] : [])], textOf(text))}
            />
          );
        })}
      </div>
    </fieldset>
  );
}

/** Returns the training of a run in a few words; empty without one. */
export function trainingSummary({ job }: View): string {
  if (!("training" in job)) return "";
  const epochs = shown(field(job, "training.epochs")) || "1";
  const parts = [`${epochs} ${epochs === "1" ? "epoch" : "epochs"}`, nameOf(field(job, "training.optimizer")) || "RMSprop", nameOf(field(job, "training.loss"))];
  return parts.filter(Boolean).join(", ");
}
