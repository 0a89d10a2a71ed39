// The details of a made-up run.
import type { RunDetail, RunSummary } from "../src/wire";

/** Returns a run with its object. Viewers of the namespace `default` may do nothing. */
export function detailOf(run: RunSummary): RunDetail {
  const mayChange = run.namespace !== "default";
  const metadata = {
    name: run.name,
    namespace: run.namespace,
    uid: run.uid,
    resourceVersion: run.resourceVersion,
    generation: run.generation,
  };
  const object = {
    apiVersion: "epochal.dev/v1alpha1",
    kind: run.kind,
    metadata,
    spec: specOf(run),
    status: { ...statusOf(run), state: run.state, results: { uri: `s3://mnist-results/${run.namespace}/${run.name}` } },
  };
  return {
    summary: run,
    object,
    yaml: yamlOf(run),
    permissions: mayChange ? ["suspend", "resume", "finish", "clone", "delete", "deploy", "log", "storage"] : ["log"],
    entries: entriesOf(run),
    entriesProblem: mayChange
      ? null
      : { reason: "Forbidden", message: "You may not list Events in default.", remedy: "Ask for the role view." },
    timeline: timelineOf(run),
    layers: run.kind === "ModelServer" ? [] : layersOf(),
  };
}

function specOf(run: RunSummary): Record<string, unknown> {
  if (run.kind === "Experiment")
    return { suspend: false, maxTrials: 12, objective: { metric: "val_accuracy", goal: "Maximize" } };
  return { suspend: run.state === "Suspended", finish: false, training: { epochs: run.epochs ?? 40 } };
}

function statusOf(run: RunSummary): Record<string, unknown> {
  const [reason, message] = run.reason.split(": ");
  const conditions = [
    {
      type: "Ready",
      status: run.reason ? "False" : "True",
      reason: reason || run.state,
      lastTransitionTime: run.created,
      message: message ? `${message}. Wait, request less, or add a node; an autoscaler may add it.` : "",
    },
  ];
  const times = { startTime: run.startTime, completionTime: run.completionTime, conditions };
  if (run.kind === "ModelServer") {
    const tensors = {
      inputs: [{ name: "image", shape: [28, 28, 1], dtype: "float32" }],
      outputs: [{ name: "digit", shape: [10], dtype: "float32" }],
    };
    const model = {
      uri: "s3://mnist-results/team-a/mnist-0006/uid/best.onnx",
      sha256: "5e".repeat(32),
      runtime: "ONNX",
      trainingJobName: "mnist-0006",
      rolledOutTime: run.created,
      ...tensors,
    };
    return {
      ...times,
      url: `http://${run.name}.${run.namespace}.svc:8080`,
      replicas: 2,
      readyReplicas: run.state === "Ready" ? 2 : 1,
      ...(run.state === "Waiting" ? {} : { model }),
    };
  }
  if (run.kind === "Experiment") {
    const best = {
      trial: 0,
      jobName: `${run.name}-0`,
      value: String(run.best?.value ?? ""),
      epoch: 17,
      parameters: { learning_rate: "0.1", units: "16" },
    };
    return {
      ...times,
      trials: { ...run.trials, paused: 0, diverged: 0 },
      best,
      importance: { learning_rate: "0.71", units: "0.24", momentum: "0.05" },
      epochs: { trained: 96, saved: 31 },
    };
  }
  const texts = (names: readonly string[]) =>
    Object.fromEntries(
      run.metrics.filter(({ name }) => names.includes(name)).map(({ name, value }) => [name, (value ?? 0).toFixed(4)]),
    );
  return {
    ...times,
    attempt: 1,
    gpus: 1,
    network: { parameters: 58_954, layers: 5 },
    metrics: texts(["loss", "val_loss", "val_accuracy"]),
    progress: { epoch: run.epoch ?? 0, epochs: run.epochs ?? 40, secondsPerEpoch: "15.2" },
    ...(run.best
      ? { best: { metric: run.best.name, value: (run.best.value ?? 0).toFixed(4), epoch: run.epoch ?? 1, mode: "Min" } }
      : {}),
    ...(run.state === "Complete" ? { test: { loss: "0.0409", accuracy: "0.9867" } } : {}),
    warnings:
      run.warnings > 0
        ? [
            {
              reason: "MissingClasses",
              message:
                "The training set has no samples of the class 7, so the network cannot learn it. Add samples, or use data.shuffle.",
            },
            {
              reason: "ChanceLevel",
              message: "The network predicts no better than chance. Check the labels, the loss and the learning rate.",
            },
          ]
        : [],
  };
}

function entriesOf(run: RunSummary): RunDetail["entries"] {
  const at = (minutes: number) => new Date(Date.parse(run.created) + minutes * 60_000).toISOString();
  return [
    ...(run.reason
      ? [{ time: at(9), type: "Warning", reason: run.reason.split(":")[0] ?? "", message: run.reason, count: 4 }]
      : []),
    { time: at(3), type: "Ready=True", reason: "Running", message: "The trainer trains.", count: 1 },
    {
      time: at(2),
      type: "Normal",
      reason: "Started",
      message: `Started the trainer in the pod ${run.name}-0 on the node gpu-1.`,
      count: 1,
    },
    { time: at(0), type: "Normal", reason: "Created", message: `Created the Job ${run.name}.`, count: 1 },
  ];
}

function timelineOf(run: RunSummary): RunDetail["timeline"] {
  const begin = Date.parse(run.created);
  const end = run.completionTime ? Date.parse(run.completionTime) : Date.now();
  const names =
    run.kind === "TrainingJob"
      ? (["Queue", "Start", "Data", "Training", "Storing"] as const)
      : (["Queue", "Training"] as const);
  const shown = run.startTime ? names : (["Queue"] as const);
  const shares = [0, 0.08, 0.13, 0.17, 0.97];
  return shown.map((name, index) => {
    const isLast = index === shown.length - 1;
    return {
      name,
      begin: new Date(begin + (end - begin) * (shares[index] ?? 0)).toISOString(),
      isEstimated: name === "Training",
      end:
        isLast && !run.completionTime
          ? null
          : new Date(begin + (end - begin) * (isLast ? 1 : (shares[index + 1] ?? 1))).toISOString(),
    };
  });
}

function layersOf(): string[][] {
  return [
    ["input", "Input", "shape=[28, 28, 1]"],
    ["rescaling", "Rescaling", "scale=0.00392156862745098"],
    ["conv2d", "Conv2D", 'filters=32, kernel_size=3, activation="relu"'],
    ["max_pooling2d", "MaxPooling2D", "pool_size=2"],
    ["flatten", "Flatten", ""],
    ["dense", "Dense", 'units=10, activation="softmax"'],
  ];
}

function yamlOf(run: RunSummary): string {
  return `apiVersion: epochal.dev/v1alpha1
kind: ${run.kind}
metadata:
  name: ${run.name}
  namespace: ${run.namespace}
spec:
  framework: tensorflow
  storage:
    secretRef: {name: minio-credentials}
  network:
    input: {shape: [28, 28, 1]}
    layers:
    - {layer: Rescaling, scale: 0.00392156862745098}
    - {layer: Conv2D, filters: 32, kernel_size: 3, activation: relu}
    - {layer: Flatten}
    - {layer: Dense, units: 10, activation: softmax}
  training:
    epochs: ${run.epochs ?? 40}
`;
}
