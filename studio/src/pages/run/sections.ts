/** The sections of a run's page. The address has the chosen one, so that a link shows the same section. */

import type { RunKey } from "../../wire";

export type Section = "overview" | "trials" | "log" | "events" | "network" | "data" | "evaluation" | "files" | "yaml";

export const TITLES: Record<Section, string> = {
  overview: "Overview",
  trials: "Trials",
  log: "Log",
  events: "Events",
  network: "Network",
  data: "Data",
  evaluation: "Evaluation",
  files: "Files",
  yaml: "YAML",
};

const SECTIONS: Record<RunKey["kind"], readonly Section[]> = {
  TrainingJob: ["overview", "log", "events", "network", "data", "evaluation", "files", "yaml"],
  Experiment: ["overview", "trials", "events", "network", "files", "yaml"],
  ModelServer: ["overview", "events", "yaml"],
};

/** Returns the sections of a kind. */
export function sectionsOf(kind: RunKey["kind"]): readonly Section[] {
  return SECTIONS[kind];
}

/** Returns the section that an address names; the first one without a name that the kind has. */
export function sectionOf(kind: RunKey["kind"], name: string | null): Section {
  return SECTIONS[kind].find((section) => section === name) ?? "overview";
}
