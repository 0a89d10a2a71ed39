// Runs of a made-up cluster, the same ones after each start.
import type { RunSummary } from "../src/wire";

const DAY = 86_400_000;
const NETWORKS = ["mnist", "flowers", "speech-commands", "imdb-reviews", "energy-forecast", "digits-augmented"];
const STATES = ["Running", "Complete", "Complete", "Complete", "Queued", "Failed", "Suspended", "Storing", "Starting", "Waiting"];
const REASONS: Record<string, string> = {
  Queued: "Unschedulable: 0/3 nodes have a free GPU (nvidia.com/gpu)",
  Failed: "OutOfMemory: the trainer needed more than its limit of 3Gi",
  Waiting: "StorageUnavailable: http://minio.epochal-system:9000 does not answer",
};

/** Returns a generator of numbers between 0 and 1. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

const next = random(24);

function curve(points: number): number[] {
  const begin = 1 + next();
  return Array.from({ length: points }, (_, index) => begin * Math.exp(-index / 9) + 0.03 + 0.05 * next());
}

/** Returns runs of all kinds and states. */
export function makeRuns(count: number, namespaces: readonly string[]): RunSummary[] {
  const jobs = Array.from({ length: Math.max(count - 8, 1) }, (_, index) => makeJob(index, namespaces));
  const experiments = ["mnist-search", "flowers-width", "speech-rate"].flatMap((name, index) => makeExperiment(name, index));
  return [...jobs, ...experiments, ...makeServers()];
}

function base(kind: RunSummary["kind"], namespace: string, name: string, age: number): RunSummary {
  return {
    kind, namespace, name, uid: `uid-${kind}-${namespace}-${name}`, resourceVersion: "1000", generation: 1,
    created: new Date(Date.now() - age).toISOString(), state: "Queued", reason: "", warnings: 0, startTime: null,
    completionTime: null, estimatedCompletionTime: null, percent: 0, epoch: null, epochs: null, metrics: [], best: null,
    sparkline: [], trials: null, experiment: null, hasModel: false,
  };
}

function makeJob(index: number, namespaces: readonly string[]): RunSummary {
  const network = NETWORKS[index % NETWORKS.length] ?? "mnist";
  const namespace = namespaces[index % namespaces.length] ?? "default";
  const name = index === 0 ? "conflict-example" : `${network}-${String(index).padStart(4, "0")}`;
  const state = index === 0 ? "Running" : (STATES[Math.floor(next() * STATES.length)] ?? "Running");
  const run = base("TrainingJob", namespace, name, next() * 12 * DAY);
  return withProgress({ ...run, state, reason: REASONS[state] ?? "", warnings: next() > 0.9 ? 2 : 0 });
}

function withProgress(run: RunSummary): RunSummary {
  const hasRun = !["Queued", "Starting", "Waiting", "Suspended"].includes(run.state);
  if (!hasRun) return { ...run, epochs: 40, epoch: run.state === "Suspended" ? 12 : null, percent: run.state === "Suspended" ? 30 : 0 };
  const percent = run.state === "Running" ? Math.floor(5 + next() * 90) : run.state === "Failed" ? 41 : 100;
  const epoch = Math.max(1, Math.floor((percent / 100) * 40));
  const sparkline = curve(Math.min(epoch, 32));
  const value = sparkline.at(-1) ?? 0.1;
  return {
    ...run, percent, epoch, epochs: 40, sparkline,
    metrics: [
      { name: "loss", value: value * 0.9 }, { name: "val_loss", value }, { name: "val_accuracy", value: 1 - value / 2 },
    ],
    best: { name: "val_loss", value: Math.min(...sparkline) },
    startTime: run.created,
    completionTime: run.state === "Running" || run.state === "Storing" ? null : new Date(Date.parse(run.created) + 3_700_000).toISOString(),
    estimatedCompletionTime: run.state === "Running" ? new Date(Date.now() + (100 - percent) * 25_000).toISOString() : null,
    hasModel: run.state === "Complete",
  };
}

function makeExperiment(name: string, index: number): RunSummary[] {
  const isRunning = index !== 1;
  const trials = Array.from({ length: 6 }, (_, number) => {
    const trial = base("TrainingJob", "team-a", `${name}-${number}`, (index + 1) * 4_000_000 - number * 60_000);
    const state = !isRunning || number < 3 ? "Complete" : number < 5 ? "Running" : "Queued";
    return { ...withProgress({ ...trial, state }), experiment: name };
  });
  const experiment: RunSummary = {
    ...base("Experiment", "team-a", name, (index + 1) * 4_100_000), state: isRunning ? "Running" : "Complete",
    percent: isRunning ? 45 : 100, best: { name: "val_accuracy", value: 0.9871 - index / 50 },
    trials: { created: 6, running: isRunning ? 2 : 0, complete: isRunning ? 3 : 6, failed: 0, total: isRunning ? 12 : 6 },
    startTime: new Date(Date.now() - 4_000_000).toISOString(), hasModel: !isRunning,
    estimatedCompletionTime: isRunning ? new Date(Date.now() + 5_400_000).toISOString() : null,
  };
  return [experiment, ...trials];
}

function makeServers(): RunSummary[] {
  const servers = [
    ...["Ready", "Degraded", "Waiting", "Stopped", "Updating"].map((state) => [`digits-${state.toLowerCase()}`, state] as const),
    ...["flowers", "iris", "houses"].map((name) => [name, "Ready"] as const),
  ];
  return servers.map(([name, state], index) => ({
    ...base("ModelServer", "team-a", name, (index + 1) * DAY), state, server: serverOf(name, state),
    reason: state === "Waiting" ? "ModelNotReady: TrainingJob mnist-0007 is not complete" : state === "Degraded" ? "PodsNotReady: 1 of 2 pods answers" : "",
    percent: state === "Ready" ? 100 : 0,
  }));
}

function serverOf(name: string, state: string): NonNullable<RunSummary["server"]> {
  const hasModel = state !== "Waiting";
  const source = name.startsWith("digits") ? ({ kind: "TrainingJob", name: "mnist-0006" } as const) : ({ kind: "Experiment", name: `${name}-search` } as const);
  return {
    url: hasModel ? `http://${name}.team-a.svc:8080` : "",
    model: hasModel ? `s3://mnist-results/team-a/${source.name}/uid/best.onnx` : "",
    source: hasModel ? { ...source, namespace: "team-a" } : null,
    replicas: state === "Stopped" ? 0 : 2,
    readyReplicas: state === "Ready" ? 2 : ["Degraded", "Updating"].includes(state) ? 1 : 0,
  };
}

let turn = 0;

/** Changes some running trainings, and returns these. */
export function advance(runs: readonly RunSummary[], count: number): RunSummary[] {
  const running = runs.filter((run) => run.kind === "TrainingJob" && run.state === "Running");
  return Array.from({ length: Math.min(count, running.length) }, () => {
    const run = running[turn++ % running.length] as RunSummary;
    const value = (run.sparkline.at(-1) ?? 1) * (0.97 + 0.05 * next());
    run.sparkline = [...run.sparkline.slice(-31), value];
    run.metrics = [{ name: "loss", value: value * 0.9 }, { name: "val_loss", value }, { name: "val_accuracy", value: 1 - value / 2 }];
    run.resourceVersion = String(Number(run.resourceVersion) + 1);
    run.epoch = Math.min((run.epoch ?? 0) + (turn % 5 === 0 ? 1 : 0), 40);
    run.percent = Math.min(99, Math.round(((run.epoch ?? 0) / 40) * 100));
    return run;
  });
}
