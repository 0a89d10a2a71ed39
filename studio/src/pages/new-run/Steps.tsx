// The steps of the page, each with its state, in any order.
import type { DocumentProblem } from "../../wire";
import { DataStep, dataSummary } from "./DataStep";
import { useForm } from "./form";
import { NetworkStep, networkSummary } from "./NetworkStep";
import { STEPS, stepState, TITLES, type Step } from "./problems";
import { ResourcesStep, resourcesSummary } from "./ResourcesStep";
import { ResultsStep, resultsSummary } from "./ResultsStep";
import { SearchStep, searchSummary } from "./SearchStep";
import { StepCard } from "./StepCard";
import { TrainingStep, trainingSummary } from "./TrainingStep";
import type { View } from "./document";
import { useState } from "react";

interface Props {
  problems: Readonly<Record<Step | "document", DocumentProblem[]>>;
  /** The name of the stored TrainingJob; empty without one. */
  storedName: string;
  isStored: boolean;
  onTemplate: (yaml: string, title: string) => void;
  onSearch: (isOn: boolean) => void;
}

const SUMMARIES: Record<Step, (view: View) => string> = {
  network: networkSummary, data: dataSummary, training: trainingSummary, resources: resourcesSummary, search: searchSummary, results: resultsSummary,
};

export function Steps({ problems, storedName, isStored, onTemplate, onSearch }: Props) {
  const { view } = useForm();
  // The step to begin with is open: the network of an empty draft, and else the data.
  const [first] = useState<Step>(() => STEPS.find((step) => stepState(step, view, []) === "open") ?? "data");
  const bodies: Record<Step, () => React.ReactNode> = {
    network: () => <NetworkStep onTemplate={onTemplate} />,
    data: () => <DataStep />,
    training: () => <TrainingStep />,
    resources: () => <ResourcesStep />,
    search: () => <SearchStep onSearch={onSearch} storedName={storedName} />,
    results: () => <ResultsStep isStored={isStored} />,
  };
  return (
    <div className="steps">
      {STEPS.map((step, index) => (
        <StepCard
          key={step}
          step={step}
          number={index + 1}
          title={TITLES[step]}
          state={stepState(step, view, problems[step])}
          summary={SUMMARIES[step](view)}
          problems={problems[step]}
          isOpenAtFirst={step === first}
        >
          {bodies[step]()}
        </StepCard>
      ))}
    </div>
  );
}
