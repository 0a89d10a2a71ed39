// The results of made-up runs: curves, log, files, reports and trials.
//
// Parts of some runs fail, to look at their messages: those of the namespace `default` may not read the bucket, and
// the endpoint of `speech-commands` is not allowed.
import type { ServerResponse } from "node:http";
import { deflateSync, crc32 } from "node:zlib";
import type { DataSummary } from "../src/data-report";
import type { Evaluation } from "../src/evaluation-report";
import type { Comparison, Curve, Files, History, Problem, RunKey, RunSummary, Trials } from "../src/wire";

/** Epochs of all runs, each with a point: for measurements of the charts. */
const EPOCHS = Number(process.env["MOCK_EPOCHS"] ?? 0);
const DIGITS = Array.from({ length: 10 }, (_, index) => index);

/** Returns why the results of a run cannot be read; null if they can. */
export function resultsProblem(run: RunSummary): Problem | null {
  if (run.namespace === "default") {
    return {
      reason: "Forbidden",
      message: `You may not read the Secret minio-credentials in ${run.namespace}, which opens the bucket.`,
      remedy: "Ask an administrator of the namespace for the role edit. The status shows the last epoch.",
    };
  }
  if (run.name.startsWith("speech")) {
    return {
      reason: "EndpointNotAllowed",
      message: "Studio does not connect to https://storage.other.example.com.",
      remedy: "An administrator can add it to studio.storageEndpoints of the chart.",
    };
  }
  return null;
}

export function historyOf(run: RunSummary): History {
  const problem = resultsProblem(run);
  const epochs = problem
    ? Math.min(run.epoch ?? 0, 1)
    : EPOCHS || (run.name.includes("energy") ? 10_000 : (run.epoch ?? 0));
  const points = Math.min(epochs, EPOCHS || 2000);
  const seed = [...run.name].reduce((sum, letter) => sum + letter.charCodeAt(0), 0);
  const x = Array.from(
    { length: points },
    (_, index) => Math.round((index * (epochs - 1)) / Math.max(1, points - 1)) + 1,
  );
  const noise = (epoch: number, salt: number) => Math.abs(Math.sin(epoch * 12.9898 + salt * 78.233) * 43758.5453) % 1;
  const decay = (epoch: number) => Math.exp(-epoch / (6 + (seed % 9)));
  const curve = (name: string, value: (epoch: number) => number): Curve => ({ name, epochs: x, values: x.map(value) });
  return {
    curves:
      points === 0
        ? []
        : [
            curve("loss", (epoch) => 2.2 * decay(epoch) + 0.02 + 0.02 * noise(epoch, seed)),
            curve("accuracy", (epoch) => 0.99 - 0.85 * decay(epoch) - 0.01 * noise(epoch, seed + 1)),
            curve(
              "val_loss",
              (epoch) =>
                2.1 * decay(epoch) + 0.06 + 0.002 * epoch * (epochs < 100 ? 1 : 0) + 0.04 * noise(epoch, seed + 2),
            ),
            curve("val_accuracy", (epoch) => 0.975 - 0.8 * decay(epoch) - 0.02 * noise(epoch, seed + 3)),
            curve("learning_rate", (epoch) => 0.001 * 0.97 ** Math.min(epoch, 300)),
            curve("seconds", (epoch) => 15 + noise(epoch, seed + 4)),
          ],
    epochs,
    isThinned: epochs > points,
    omittedMetrics: 0,
    source: points === 0 ? "none" : problem ? "status" : "bucket",
    problem,
  };
}

export function filesOf(run: RunSummary): Files {
  const files: [string, number, string][] = [
    ["best.keras", 724_118, "model of the best epoch"],
    ["best.onnx", 240_917, "model of the best epoch, for ONNX Runtime"],
    ["check.npz", 51_230, "samples and answers that check an exported model"],
    ["confusion.png", 41_009, "confusion matrix"],
    ["data.json", 3_921, "ranges and classes of the data"],
    ["evaluation.json", 10_240, "answers of the model for the test or validation data"],
    ["history.csv", 4_118, "metrics of each epoch"],
    ["mistakes.png", 88_412, "worst mistakes"],
    ["model.keras", 724_118, "model of the last epoch"],
    ["training.log", 1_402_113, "log of the training"],
    ["checkpoints/39.keras", 2_172_354, "checkpoint"],
    ["checkpoints/40.keras", 2_172_354, "checkpoint"],
    ["notes of ada.txt", 12, ""],
  ];
  return {
    uri: `s3://mnist-results/${run.namespace}/${run.name}/${run.uid}/`,
    isComplete: true,
    files: files.map(([path, size, description]) => ({ path, size, description })),
  };
}

export function dataOf(): DataSummary {
  const set = (samples: number) => ({
    samples,
    features: {
      source: "train-images-idx3-ubyte",
      shape: [28, 28, 1],
      dtype: "uint8",
      lowest: 0,
      highest: 255,
      mean: 33.318,
      columns: [],
      constantColumns: 67,
    },
    labels: {
      source: "train-labels-idx1-ubyte",
      shape: [],
      dtype: "uint8",
      lowest: 0,
      highest: 9,
      mean: 4.4539,
      classes: {
        count: 10,
        byClass: DIGITS.map((index) => ({
          index,
          name: `digit ${index}`,
          samples: Math.round(samples / 10) + ((index * 37) % 90),
        })),
      },
    },
    repeated: { checked: samples, found: 0 },
  });
  return {
    train: set(50_000),
    validation: set(10_000),
    test: set(10_000),
    shared: [{ checked: 10_000, found: 12, set: "test", other: "train" }],
  };
}

export function evaluationOf(): Evaluation {
  const confusion = DIGITS.map((row) =>
    DIGITS.map((column) =>
      row === column ? 980 - row * 3 : (row * 7 + column * 5) % 9 === 0 ? ((row + column) % 5) + 1 : 0,
    ),
  );
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  const correct = sum(DIGITS.map((digit) => confusion[digit]?.[digit] ?? 0));
  const samples = sum(confusion.map(sum));
  return {
    model: { name: "best.keras", epoch: 31, sha256: "ab".repeat(32) },
    data: "test",
    samples,
    evaluated: samples,
    skipped: 0,
    unlabeled: 0,
    notFinite: 0,
    classes: {
      count: 10,
      correct,
      accuracy: correct / samples,
      confusion,
      confusedError: 0,
      confused: [
        { label: 4, answer: 9, samples: 4 },
        { label: 7, answer: 2, samples: 3 },
      ],
      byClass: DIGITS.map((index) => {
        const [row, answers] = [sum(confusion[index] ?? []), sum(confusion.map((each) => each[index] ?? 0))];
        const right = confusion[index]?.[index] ?? 0;
        return {
          index,
          name: `digit ${index}`,
          samples: row,
          answers,
          correct: right,
          precision: right / answers,
          recall: right / row,
        };
      }),
      calibration: { error: 0.0123, bins: [] },
      mistakes: Array.from({ length: 12 }, (_, index) => ({
        place: { source: "t10k-images-idx3-ubyte", row: 120 + index * 311 },
        label: index % 10,
        answer: (index * 3 + 4) % 10,
        probability: 0.999 - index / 100,
        labelProbability: 0.0008 + index / 200,
      })),
    },
  };
}

export function trialsOf(run: RunSummary, jobs: readonly RunSummary[]): Trials {
  return {
    columns: ["number", "state", "learning_rate", "units", "momentum", "rungs", "epochs", "seconds", "value", "uri"],
    rows: jobs.map((job, index) => [
      String(index),
      job.state,
      String(0.1 / 2 ** index),
      String(16 * (index + 1)),
      index % 2 ? "0.9" : "",
      "2",
      String(job.epoch ?? 0),
      String(100 + index * 13),
      job.state === "Queued" ? "" : String(0.9871 - index / 50),
      `s3://mnist-results/${run.namespace}/${job.name}/${job.uid}/`,
    ]),
    isComplete: true,
  };
}

export function comparisonOf(runs: readonly RunSummary[]): Comparison {
  const fields = [
    "network.layers[dense].units",
    "training.optimizer.learning_rate",
    "training.optimizer.name",
    "training.batchSize",
    "training.callbacks[0].patience",
  ];
  const best =
    runs.length > 1
      ? runs.reduce((one, other) => ((other.best?.value ?? Infinity) < (one.best?.value ?? Infinity) ? other : one))
      : undefined;
  const key = ({ kind, namespace, name }: RunKey): RunKey => ({ kind, namespace, name });
  return {
    fields,
    omittedFields: 0,
    figures: [
      "best epoch",
      "best val_loss",
      "test.accuracy",
      "last.loss",
      "last.val_loss",
      "epochs",
      "seconds per epoch",
      "parameters",
    ],
    runs: runs.map((run, index) => ({
      key: key(run),
      state: run.state,
      isBest: run === best && run.best !== null,
      fields: Object.fromEntries(
        fields.map((field, place) => [
          field,
          place === 4 && index % 2
            ? null
            : (["128", "0.001", "Adam", "64", "3"].map((value, at) =>
                at < 2 ? String(Number(value) * (index + 1)) : value,
              )[place] ?? null),
        ]),
      ),
      figures: {
        "best epoch": run.epoch === null ? null : String(run.epoch),
        "best val_loss": run.best?.value?.toFixed(4) ?? null,
        "test.accuracy": run.state === "Complete" ? "0.9867" : null,
        "last.loss": run.metrics[0]?.value?.toFixed(4) ?? null,
        "last.val_loss": run.metrics[1]?.value?.toFixed(4) ?? null,
        epochs: run.epochs === null ? null : String(run.epoch ?? 0),
        "seconds per epoch": "15.2",
        parameters: "58954",
      },
    })),
  };
}

/** Writes a log: the lines so far, and those that follow. */
export function writeLog(run: RunSummary, follow: boolean, response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/plain; charset=utf-8" });
  const line = (step: number) =>
    `2026-11-30T12:${String(Math.floor(step / 60) % 60).padStart(2, "0")}:${String(step % 60).padStart(2, "0")}Z INFO epoch ${Math.floor(step / 100) + 1}/40 step ${step % 100}/100 loss ${(2 / (1 + step / 50)).toFixed(4)} accuracy ${(1 - 1 / (2 + step / 50)).toFixed(4)}\n`;
  response.write(
    [
      "Epochal trainer 0.2.0, Keras 3.13.2, TensorFlow 2.20.0",
      "Data: 50,000 samples of (28, 28, 1) uint8 <script>alert(1)</script>",
      ...Array.from(
        { length: 3 },
        (_, index) => `A long line ${index}: ${"weights of the layer dense_1 have a norm of 3.2; ".repeat(6)}`,
      ),
      "",
    ].join("\n"),
  );
  response.write(Array.from({ length: 6000 }, (_, index) => line(index)).join(""));
  if (!follow || run.state !== "Running") {
    response.end("Stored model.keras and history.csv\n");
    return;
  }
  let step = 6000;
  const timer = setInterval(() => response.write(line(step++)), 250);
  response.on("close", () => clearInterval(timer));
}

/** Returns a picture: a grid of grey squares. */
export function picture(): Buffer {
  const [width, height] = [480, 240];
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const shade = 230 - (((x >> 5) * 37 + (y >> 5) * 61) % 190);
      rows[y * (width + 1) + 1 + x] = x % 32 < 2 || y % 32 < 2 ? 255 : shade;
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 0, 0, 0, 0], 8);
  const chunk = (name: string, data: Buffer) => {
    const content = Buffer.concat([Buffer.from(name, "latin1"), data]);
    const [size, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    size.writeUInt32BE(data.length);
    check.writeUInt32BE(crc32(content));
    return Buffer.concat([size, content, check]);
  };
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}
