// Made-up models of ModelServers: a model of digits, one of flowers with the key `secret`, one of a table, one of several
// inputs, and one that never answers.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Output, PageModel, Tensor } from "../src/server-page/model";
import type { Problem, RunSummary, ServedModel, Usage } from "../src/wire";
import { picture } from "./results.ts";

const DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
const FLOWERS = ["daisy", "dandelion", "rose", "sunflower", "tulip"];
const MAX_BYTES = 8 * 2 ** 20;
/** Time of an answer, in milliseconds. */
const DELAY = 300;
const counts = new Map<string, Map<string, number>>();

const output = (name: string, width: number, classes: string[] | null): Output => ({
  name, dtype: "float32", shape: [-1, width], classes, class_values: classes ? "probability" : null,
});

function description(run: RunSummary, images: PageModel["images"], inputs: Tensor[], outputs: Output[]): PageModel {
  return { name: run.name, version: "1a2b3c4d", runtime: "ONNX Runtime", inputs, outputs, images, example: null, limits: { request_bytes: MAX_BYTES } };
}

function pageOf(run: RunSummary): PageModel {
  const image = (side: number, channels: number): Tensor => ({ name: "image", dtype: "uint8", shape: [-1, side, side, channels] });
  if (run.name.startsWith("flowers")) return description(run, "Resize", [image(96, 3)], [output("flower", 5, FLOWERS)]);
  if (run.name.startsWith("iris")) {
    const page = description(run, "None", [{ name: "features", dtype: "float32", shape: [-1, 4] }], [output("species", 3, ["setosa", "versicolor", "virginica"])]);
    return { ...page, example: { inputs: [{ name: "features", datatype: "FP32", shape: [1, 4], data: [5.1, 3.5, 1.4, 0.2] }] } };
  }
  if (run.name.startsWith("houses")) {
    const inputs = ["rooms", "age", "note"].map((name) => ({ name, dtype: name === "note" ? "str" : "float32", shape: [-1, 1] }));
    return description(run, "None", inputs, [output("price", 1, null)]);
  }
  return description(run, "Digit", [image(28, 1)], [output("digit", 10, DIGITS)]);
}

class Refused extends Error {
  readonly status: number;
  readonly problem: Problem;

  constructor(status: number, reason: string, message: string, remedy: string) {
    super(message);
    this.status = status;
    this.problem = { reason, message, remedy, current: null };
  }
}

/** Answers the requests below /api/servers/NS/NAME. */
export async function serveModel(parts: string[], request: IncomingMessage, response: ServerResponse, find: (key: string) => RunSummary | undefined): Promise<void> {
  const run = find(`ModelServer/${parts[0]}/${parts[1]}`);
  const send = (status: number, body: unknown) => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
  try {
    if (!run) throw new Refused(404, "NotFound", `ModelServer ${parts[1]} does not exist.`, "It may have been deleted: go back to the list.");
    const hasKey = !run.name.startsWith("flowers") || request.headers["x-api-key"] === "secret";
    if (parts[2] === "usage") send(200, usageOf(run));
    else if (parts[2] === "predict") {
      if (!hasKey) throw keyRequired(run);
      send(200, await predict(run, request));
    } else send(200, served(run, hasKey));
  } catch (error) {
    const { status, problem } = error instanceof Refused ? error : new Refused(500, "Internal", String(error), "Look at the mock back end.");
    send(status, problem);
  }
}

function keyRequired(run: RunSummary): Refused {
  return new Refused(403, "KeyRequired", `ModelServer ${run.name} asks for a key.`, "Type one of the keys in its Secret.");
}

function served(run: RunSummary, hasKey: boolean): ServedModel {
  const server = { kind: "ModelServer", namespace: run.namespace, name: run.name } as const;
  const isReady = ["Ready", "Degraded", "Updating"].includes(run.state);
  const problem = !isReady
    ? { reason: "NotReady", message: `No pod of ModelServer ${run.name} answers: ${run.reason || run.state}.`, remedy: "Wait, or look at its Events." }
    : hasKey ? null : keyRequired(run).problem;
  const page = isReady && hasKey ? { ...pageOf(run) } : null;
  return { server, isReady, state: run.state, needsKey: isReady && !hasKey, page, problem };
}

function usageOf(run: RunSummary): Usage {
  const [first] = pageOf(run).outputs;
  const seen = counts.get(run.name);
  const classes = (first?.classes ?? []).map((name, index) => ({ output: first?.name ?? "", name, count: 40 + ((index * 37) % 23) * 11 + (seen?.get(name) ?? 0) }));
  const requests = 812 + classes.reduce((sum, { count }) => sum + count, 0);
  return { requests, refused: 14, classes: classes.sort((a, b) => b.count - a.count), pods: 2, problem: null };
}

async function predict(run: RunSummary, request: IncomingMessage): Promise<unknown> {
  let body = Buffer.alloc(0);
  for await (const chunk of request) body = Buffer.concat([body, chunk as Buffer]);
  await new Promise((resolve) => setTimeout(resolve, DELAY));
  const page = pageOf(run);
  const query = new URL(request.url ?? "/", "http://mock").searchParams;
  if (page.images === "None") return infer(page, JSON.parse(body.toString()) as { inputs: { shape: number[] }[] });
  const isPicture = body.subarray(0, 4).toString("latin1").includes("PNG") || body[0] === 0xff || body.subarray(0, 4).toString() === "RIFF";
  if (!isPicture) throw new Refused(400, "Invalid", "body: not a JPEG, PNG or WebP file.", "Correct the request as the message says.");
  const names = page.outputs[0]?.classes ?? [];
  const one = (seed: number) => {
    const first = seed % names.length;
    const top = [first, (first + 3) % names.length, (first + 7) % names.length].map((index, place) => ({ class: index, name: names[index] ?? "", probability: [0.952, 0.041, 0.004][place] ?? 0 }));
    const known = counts.get(run.name) ?? new Map<string, number>();
    counts.set(run.name, known.set(names[first] ?? "", (known.get(names[first] ?? "") ?? 0) + 1));
    return { ...top[0], top, image: `data:image/png;base64,${picture().toString("base64")}` };
  };
  if (!query.has("several")) return one(body.length);
  const box = (index: number) => ({ left: 20 + index * 80, top: 60, right: 90 + index * 80, bottom: 200 });
  return { predictions: [0, 1, 2].map((index) => ({ ...one(body.length + index), box: box(index) })) };
}

function infer(page: PageModel, sent: { inputs: { shape: number[] }[] }): unknown {
  const count = sent.inputs[0]?.shape[0] ?? 0;
  if (count === 0) throw new Refused(400, "Invalid", `inputs: expected "${page.inputs[0]?.name}", found an empty list.`, "Correct the request as the message says.");
  const outputs = page.outputs.map(({ name, shape: [, width = 1], classes }) => {
    const row = (sample: number) => Array.from({ length: width }, (_, at) => (classes ? (at === sample % width ? 0.9 : 0.1 / (width - 1)) : 231_000 + sample * 1_733.25));
    return { name, datatype: "FP32", shape: [count, width], data: Array.from({ length: count }, (_, sample) => row(sample)).flat() };
  });
  return { model_name: page.name, model_version: page.version, outputs };
}
