// Changes of a whole document: another network, a search around a training, and back. Pure.
import { isMap, type Document, type Node, YAMLMap } from "yaml";
import { edit, jobPath, parseWithoutAliases, read, set, type Kind } from "./document";

const NETWORKS = ["network", "model", "code"] as const;
/** Fields of the run as a whole, which a template must not have. */
const STEERING = ["suspend", "finish"] as const;
const TTL = "ttlSecondsAfterFinished";

/** Returns a text with the network of another document, which may be an Experiment. Without a training it takes that, too. */
export function takeNetwork(text: string, other: string): string {
  const source = parseWithoutAliases(other);
  const seen = read(other);
  const target = read(text);
  if (typeof source === "string" || typeof seen === "string" || typeof target === "string") return text;
  const from = jobPath(seen.kind);
  const to = jobPath(target.kind);
  return edit(text, (document) => {
    for (const name of NETWORKS) copy(source, [...from, name], document, [...to, name]);
    if (!("training" in target.job)) copy(source, [...from, "training"], document, [...to, "training"]);
  });
}

/** Copies a node with its comments; a node that is absent there is removed here. */
function copy(source: Document, from: readonly (string | number)[], target: Document, to: readonly (string | number)[]): void {
  set(target, to, undefined);
  const node = source.getIn(from, true) as Node | undefined;
  if (!node) return;
  set(target, to, {});
  target.setIn(to, node.clone());
}

/** Returns a template for a namespace: suspended until the user starts it. */
export function prepare(text: string, namespace: string): string {
  return edit(text, (document) => {
    set(document, ["metadata", "namespace"], namespace);
    set(document, ["spec", "suspend"], true);
  });
}

/** Returns the text to send: suspended or not. A TrainingJob or Experiment starts if it is not suspended. */
export function withSuspend(text: string, isSuspended: boolean): string {
  return edit(text, (document) => set(document, ["spec", "suspend"], isSuspended));
}

/**
 * Returns an Experiment that searches around a TrainingJob.
 *
 * @param previous - An Experiment that the user has turned off: its search is taken up again.
 */
export function toExperiment(text: string, metric: string, previous: string | null): string {
  if (kindOf(text) !== "TrainingJob") return text;
  return edit(text, (document) => {
    const job = document.getIn(["spec"], true);
    if (!isMap(job)) return;
    for (const name of STEERING) job.delete(name);
    const spec = new YAMLMap(document.schema);
    document.set("kind", "Experiment");
    document.setIn(["spec"], spec);
    const template = new YAMLMap(document.schema);
    if (!takeSearch(previous, spec, template)) {
      set(document, ["spec", "objective"], { metric, goal: /loss$|error$/iu.test(metric) ? "Minimize" : "Maximize" });
      set(document, ["spec", "search"], { method: "TPE", seed: 7 });
      set(document, ["spec", "parallelism"], 1);
      set(document, ["spec", "maxTrials"], 10);
    }
    set(document, ["spec", "suspend"], true);
    move(TTL, job, spec);
    template.set("spec", job);
    spec.set("template", template);
  });
}

/** Takes the fields of an earlier search, and the metadata of its trials. */
function takeSearch(previous: string | null, spec: YAMLMap, template: YAMLMap): boolean {
  const document = previous === null ? "" : parseWithoutAliases(previous);
  if (typeof document === "string") return false;
  const old = document.getIn(["spec"], true);
  if (!isMap(old)) return false;
  for (const pair of old.clone().items as YAMLMap["items"]) {
    // How long the run stays after its end may have changed since.
    if (!["template", TTL, ...STEERING].includes(String(pair.key))) spec.items.push(pair);
    else if (isMap(pair.value)) move("metadata", pair.value, template);
  }
  return true;
}

/** Moves a field with its comments. */
function move(name: string, from: YAMLMap, to: YAMLMap): void {
  const pair = from.items.find(({ key }) => String(key) === name);
  if (!pair) return;
  from.delete(name);
  to.delete(name);
  to.items.push(pair);
}

/** Returns the TrainingJob that an Experiment has as its template. */
export function toTrainingJob(text: string): string {
  if (kindOf(text) !== "Experiment") return text;
  return edit(text, (document) => {
    const search = document.getIn(["spec"], true);
    const job = document.getIn(["spec", "template", "spec"], true);
    if (!isMap(search) || !isMap(job)) return;
    move(TTL, search, job);
    document.set("kind", "TrainingJob");
    document.setIn(["spec"], job);
    set(document, ["spec", "suspend"], true);
  });
}

function kindOf(text: string): Kind | undefined {
  const found = read(text);
  return typeof found === "string" ? undefined : found.kind;
}
