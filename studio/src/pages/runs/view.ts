// The rows of the list: which runs it shows, in which groups and order. Pure, and fast enough for 10,000 runs.
import { keyText } from "../../api/paths";
import { groupOf, type Group } from "../../parts/state";
import type { MetricValue, RunSummary } from "../../wire";

export const TABS = ["runs", "TrainingJob", "Experiment", "ModelServer"] as const;
export type Tab = (typeof TABS)[number];

export const SORTS = ["created", "name", "state", "progress", "metric", "time"] as const;
export type SortKey = (typeof SORTS)[number];

export interface Sort {
  key: SortKey;
  isDescending: boolean;
}

export interface ViewOptions {
  tab: Tab;
  /** Words that a run must have in its name, namespace, state, reason or Experiment. */
  text: string;
  /** A state; empty for all. */
  state: string;
  sort: Sort;
  closedGroups: ReadonlySet<Group>;
  openExperiments: ReadonlySet<string>;
}

export type Item =
  | { type: "group"; id: string; group: Group; label: string; count: number; isOpen: boolean }
  | { type: "run"; id: string; level: 1 | 2; trials: number; isOpen: boolean };

export interface View {
  items: readonly Item[];
  /** Number of runs of each tab, before the filter. */
  counts: Readonly<Record<Tab, number>>;
  /** States of the tab's runs, before the filter. */
  states: readonly string[];
  /** Number of runs and trials that pass the filter. */
  matches: number;
}

const GROUPS: readonly Group[] = ["running", "queued", "ended"];
const LABELS: Record<"run" | "server", Record<Group, string>> = {
  run: { running: "Running", queued: "Queued", ended: "Ended" },
  server: { running: "Serving", queued: "Starting", ended: "Stopped" },
};

/** Returns the metric of a row: the current value of the monitored metric, and the best value after the end. */
export function shownMetric(run: RunSummary): MetricValue | null {
  const { best, metrics } = run;
  if (groupOf(run) === "ended" && best) return best;
  return metrics.find((metric) => metric.name === best?.name) ?? metrics[0] ?? best;
}

/** Returns the rows of the list. */
export function buildView(runs: readonly RunSummary[], options: ViewOptions): View {
  const trials = trialsOf(runs);
  const tops = runs.filter((run) => !isTrial(run, trials));
  const counts = countTabs(tops);
  const inTab = tops.filter((run) => isInTab(run, options.tab));
  const found = findMatches(inTab, trials, options);
  const items: Item[] = [];
  let matches = 0;
  const order = comparator(options.sort);
  const labels = LABELS[options.tab === "ModelServer" ? "server" : "run"];
  for (const group of GROUPS) {
    const members = found.filter(({ run }) => groupOf(run) === group).sort((a, b) => order(a.run, b.run));
    if (members.length === 0) continue;
    const isOpen = !options.closedGroups.has(group);
    items.push({ type: "group", id: `group:${group}`, group, label: labels[group], count: members.length, isOpen });
    for (const member of members) {
      matches += 1;
      if (isOpen) addRun(items, member, options, order);
    }
  }
  return { items, counts, states: statesOf(inTab, trials), matches };
}

interface Match {
  run: RunSummary;
  trials: readonly RunSummary[];
  /** Whether only trials match, so that they are shown without a click. */
  isByTrials: boolean;
}

function addRun(items: Item[], { run, trials, isByTrials }: Match, options: ViewOptions, order: Order): void {
  const id = keyText(run);
  const isOpen = trials.length > 0 && (isByTrials || options.openExperiments.has(id));
  items.push({ type: "run", id, level: 1, trials: trials.length, isOpen });
  if (!isOpen) return;
  for (const trial of [...trials].sort(order)) items.push({ type: "run", id: keyText(trial), level: 2, trials: 0, isOpen: false });
}

type Trials = ReadonlyMap<string, readonly RunSummary[]>;

function parentKey(run: RunSummary): string {
  return keyText({ kind: "Experiment", namespace: run.namespace, name: run.experiment ?? "" });
}

/** Returns the trials of each Experiment in the list. */
function trialsOf(runs: readonly RunSummary[]): Trials {
  const result = new Map<string, RunSummary[]>();
  for (const run of runs) if (run.kind === "Experiment") result.set(keyText(run), []);
  for (const run of runs) if (run.experiment) result.get(parentKey(run))?.push(run);
  return result;
}

/** Whether a run is shown under its Experiment. A trial without its Experiment stands alone. */
function isTrial(run: RunSummary, trials: Trials): boolean {
  return Boolean(run.experiment) && trials.has(parentKey(run));
}

function isInTab({ kind }: RunSummary, tab: Tab): boolean {
  return tab === "runs" ? kind !== "ModelServer" : kind === tab;
}

function countTabs(runs: readonly RunSummary[]): Record<Tab, number> {
  const counts = { runs: 0, TrainingJob: 0, Experiment: 0, ModelServer: 0 };
  for (const { kind } of runs) {
    counts[kind] += 1;
    if (kind !== "ModelServer") counts.runs += 1;
  }
  return counts;
}

function statesOf(runs: readonly RunSummary[], trials: Trials): string[] {
  const states = new Set<string>();
  for (const run of runs) {
    states.add(run.state);
    for (const trial of trials.get(keyText(run)) ?? []) states.add(trial.state);
  }
  return [...states].sort();
}

function findMatches(runs: readonly RunSummary[], trials: Trials, { text, state }: ViewOptions): Match[] {
  const words = text.toLowerCase().split(/\s+/u).filter(Boolean);
  const isMatch = (run: RunSummary) => (!state || run.state === state) && hasWords(run, words);
  const result: Match[] = [];
  for (const run of runs) {
    const own = trials.get(keyText(run)) ?? [];
    if (isMatch(run)) {
      result.push({ run, trials: own, isByTrials: false });
      continue;
    }
    const matching = own.filter(isMatch);
    if (matching.length > 0) result.push({ run, trials: matching, isByTrials: true });
  }
  return result;
}

function hasWords(run: RunSummary, words: readonly string[]): boolean {
  if (words.length === 0) return true;
  const text = `${run.name}\n${run.namespace}\n${run.state}\n${run.reason}\n${run.experiment ?? ""}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

type Order = (a: RunSummary, b: RunSummary) => number;

/** The time column: the remaining time of a running training, and the duration of an ended one, in milliseconds. */
export function timeOf(run: RunSummary, now: number): number | null {
  if (run.completionTime) return run.startTime ? Date.parse(run.completionTime) - Date.parse(run.startTime) : null;
  return run.estimatedCompletionTime ? Math.max(0, Date.parse(run.estimatedCompletionTime) - now) : null;
}

const VALUES: Record<SortKey, (run: RunSummary) => number | string | null> = {
  created: (run) => run.created,
  name: (run) => run.name,
  state: (run) => run.state,
  progress: (run) => run.percent,
  metric: (run) => shownMetric(run)?.value ?? null,
  time: (run) => timeOf(run, 0),
};

/** Returns an order in which runs without a value come last, and equal ones keep a fixed order. */
function comparator({ key, isDescending }: Sort): Order {
  const value = VALUES[key];
  const sign = isDescending ? -1 : 1;
  return (a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x !== y) {
      if (x === null) return 1;
      if (y === null) return -1;
      return x < y ? -sign : sign;
    }
    const [p, q] = [keyText(a), keyText(b)];
    return p < q ? -1 : p > q ? 1 : 0;
  };
}

/** Whether two views draw the same list, so that React has nothing to do. */
export function isSameView(a: View, b: View): boolean {
  return (
    a.matches === b.matches &&
    TABS.every((tab) => a.counts[tab] === b.counts[tab]) &&
    a.states.length === b.states.length &&
    a.states.every((state, index) => state === b.states[index]) &&
    a.items.length === b.items.length &&
    a.items.every((item, index) => isSameItem(item, b.items[index]))
  );
}

function isSameItem(a: Item, b: Item | undefined): boolean {
  if (!b || a.id !== b.id || a.isOpen !== b.isOpen) return false;
  if (a.type === "run") return b.type === "run" && a.level === b.level && a.trials === b.trials;
  return b.type === "group" && a.count === b.count;
}
