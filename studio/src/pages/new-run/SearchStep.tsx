// The search: none, or an Experiment with parameters around the training.
import { useState } from "react";
import { announce } from "../../parts/announcements";
import { StateIcon } from "../../parts/icons";
import { shown, numberOf } from "./fieldTexts";
import { SelectField, SelectInput, TextField } from "./Fields";
import { useForm } from "./form";
import { ParameterTable } from "./ParameterTable";
import { addParameter, objectiveMetrics, parametersOf, suggestionsOf } from "./parameters";
import type { View } from "./document";
import { field } from "../run/objectFields";

interface Props {
  /** Turns the search on or off. */
  onSearch: (isOn: boolean) => void;
  /** The name of the stored run, which stays a TrainingJob; empty for a new run. */
  storedName: string;
}

export function SearchStep({ onSearch, storedName }: Props) {
  const { view } = useForm();
  const isOn = view.search !== null;
  return (
    <>
      <p className="quiet">An Experiment trains the network with several sets of hyper-parameters, and finds the best one. Trial 0 trains the values above.</p>
      <div className="segments" role="group" aria-label="Search">
        <button type="button" aria-pressed={!isOn} onClick={() => isOn && onSearch(false)}>
          One training
        </button>
        <button type="button" aria-pressed={isOn} onClick={() => !isOn && onSearch(true)}>
          Search
        </button>
      </div>
      {isOn && storedName && (
        <p className="note">
          <StateIcon shape="warning" />
          <span>The stored TrainingJob {storedName} stays as it is. The search becomes a new Experiment.</span>
        </p>
      )}
      {isOn && <SearchFields />}
    </>
  );
}

function SearchFields() {
  const { view } = useForm();
  return (
    <>
      <div className="form-row is-compact">
        <TextField isSearch path="objective.metric" label="Metric" suggestions={objectiveMetrics(view.job)} />
        <SelectField isSearch path="objective.goal" label="Goal" />
        <TextField isSearch path="maxTrials" label="Trials" parse={numberOf} inputMode="numeric" placeholder="20" />
        <TextField isSearch path="parallelism" label="Trials at the same time" parse={numberOf} inputMode="numeric" placeholder="1" />
      </div>
      <ParameterTable />
      <AddParameter />
      <div className="form-row">
        <SelectField isSearch path="search.method" label="Algorithm" />
        <SelectField isSearch path="schedule.method" label="Early stops" />
        {field(view.search, "schedule.method") !== undefined && <TextField isSearch path="schedule.minEpochs" label="Epochs of the first rung" parse={numberOf} inputMode="numeric" placeholder="1" />}
      </div>
      <details>
        <summary>Target, seed and failures</summary>
        <div className="form-row">
          <TextField isSearch path="objective.target" label="Target" inputMode="decimal" />
          <TextField isSearch path="search.seed" label="Seed of the search" parse={numberOf} inputMode="numeric" placeholder="0" />
          <TextField isSearch path="search.startupTrials" label="Random trials" parse={numberOf} inputMode="numeric" placeholder="10" />
          <TextField isSearch path="maxFailedTrials" label="Tolerated failures" parse={numberOf} inputMode="numeric" placeholder="3" />
        </div>
      </details>
    </>
  );
}

const OTHER = "Another path";

function AddParameter() {
  const { view, edit } = useForm();
  const search = view.search ?? {};
  const taken = parametersOf(search).flatMap(({ paths }) => paths);
  const suggestions = suggestionsOf(view.job, taken);
  const [path, setPath] = useState("");
  const chosen = suggestions.find((each) => each.path === path) ?? suggestions[0];

  function add(): void {
    const added = path === OTHER || !chosen ? { path: "training.", name: "parameter", range: { values: ["0"] } } : chosen;
    edit((document) => addParameter(document, search, added));
    announce([`The parameter ${added.name} is added`]);
    setPath("");
  }

  return (
    <div className="add-parameter">
      <SelectInput label="Add a parameter" value={path === OTHER || !chosen ? OTHER : chosen.path} options={[...suggestions.map((each) => each.path), OTHER]} onChange={setPath} />
      <button type="button" className="button" onClick={add}>
        Add
      </button>
    </div>
  );
}

/** Returns the search of a run in a few words. */
export function searchSummary({ search }: View): string {
  if (!search) return "One training";
  const parameters = parametersOf(search).length;
  return `${shown(search["maxTrials"]) || "20"} trials of ${parameters} ${parameters === 1 ? "parameter" : "parameters"}`;
}
