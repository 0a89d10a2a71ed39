// Buckets, files, uploads and nodes of a made-up cluster. Uploads are counted and thrown away.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Buckets, Capacity, NodeCapacity, Preview, SamplePicture, StoredObject, StoredObjects } from "../src/wire";

const GPU = "nvidia.com/gpu";
const PAGE = 20;
const PAUSE = 15;
const MODIFIED = "2026-11-20T09:30:00Z";

const files = new Map<string, StoredObject[]>([
  ["mnist-data", [
    object("digits.npz", 312_004), object("train-images-idx3-ubyte", 47_040_016), object("train-labels-idx1-ubyte", 60_008),
    object("t10k-images-idx3-ubyte", 7_840_016), object("t10k-labels-idx1-ubyte", 10_008), object("flowers.csv", 4_512),
    object("fashion/train.npz", 26_421_880), object("fashion/test.npz", 4_422_102),
    ...Array.from({ length: 47 }, (_, index) => object(`archive/part-${String(index).padStart(3, "0")}.npz`, 1_000_000 + index)),
  ]],
  ["mnist-results", []],
  ["flowers", [object("flowers.npz", 98_000_000)]],
]);

function object(key: string, size: number): StoredObject {
  return { key, size, modified: MODIFIED };
}

/** Answers a request for data or nodes; returns undefined for another one. */
export function dataRoute(parts: readonly string[], query: URLSearchParams, namespaces: readonly string[] | null): unknown {
  if (parts[0] === "capacity") return capacity(namespaces !== null);
  if (parts[0] !== "buckets") return undefined;
  if (parts[1] === undefined) return { endpoint: query.get("endpoint") ?? "http://minio.epochal-system:9000", buckets: [...files.keys()] } satisfies Buckets;
  if (parts[2] === "preview") return preview(query.get("key") ?? "", parts[1]);
  return page(parts[1], query.get("prefix") ?? "", Number(query.get("after") ?? 0));
}

function page(bucket: string, prefix: string, begin: number): StoredObjects {
  const below = (files.get(bucket) ?? []).filter(({ key }) => key.startsWith(prefix));
  const isFolder = ({ key }: StoredObject) => key.slice(prefix.length).includes("/");
  const folders = [...new Set(below.filter(isFolder).map(({ key }) => key.slice(0, key.indexOf("/", prefix.length) + 1)))];
  const entries = [...folders, ...below.filter((each) => !isFolder(each))];
  const shown = entries.slice(begin, begin + PAGE);
  return {
    folders: shown.filter((each) => typeof each === "string"),
    objects: shown.filter((each) => typeof each !== "string"),
    next: begin + PAGE < entries.length ? String(begin + PAGE) : null,
  };
}

/** Stores an upload; returns whether the request is one. The name `slow` takes long, and `refused` is refused. */
export async function serveUpload(url: URL, request: IncomingMessage, response: ServerResponse): Promise<boolean> {
  const [first, bucket, last] = url.pathname.split("/").filter(Boolean).map(decodeURIComponent);
  if (request.method !== "PUT" || first !== "buckets" || last !== "object" || !bucket) return false;
  const key = url.searchParams.get("key") ?? "";
  const known = files.get(bucket) ?? [];
  const answer = (status: number, body: unknown) => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
  if (known.some((each) => each.key === key) && !url.searchParams.has("replace")) {
    answer(409, { reason: "AlreadyExists", message: `The bucket has an object '${key}' already.`, remedy: "Choose another name, or replace the object. Trainings that read it now may fail.", current: null });
    return true;
  }
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (key.includes("slow")) await new Promise((resolve) => setTimeout(resolve, PAUSE * 20));
  }
  if (key.includes("refused")) {
    answer(507, { reason: "StorageFull", message: "The storage is full.", remedy: "Delete objects, or ask its administrator for more space.", current: null });
    return true;
  }
  const stored = { ...object(key, size), modified: new Date().toISOString() };
  files.set(bucket, [...known.filter((each) => each.key !== key), stored]);
  answer(200, stored);
  return true;
}

const DIGIT: readonly string[] = ["  ####  ", " ##  ## ", "     ## ", "    ##  ", "   ##   ", "  ##    ", " ###### ", "        "];

/** Returns a picture of 28 × 28 pixels: the same strokes, moved and thickened by its number. */
function sample(number: number, isLabelled: boolean): SamplePicture {
  const side = 28;
  const pixels = Buffer.alloc(side * side);
  for (let y = 0; y < side; y += 1) {
    for (let x = 0; x < side; x += 1) {
      const row = DIGIT[Math.floor((y - 2 - (number % 3)) / 3)] ?? "";
      const stroke = row[Math.floor((x - 2 - (number % 2)) / 3)] === "#";
      pixels[y * side + x] = stroke !== (number % 4 === 3 && y > 14 && x > 14) && stroke ? 150 + ((x * 7 + y * 13 + number * 29) % 105) : 0;
    }
  }
  return { width: side, height: side, channels: 1, pixels: pixels.toString("base64"), label: isLabelled ? String((number * 3 + 2) % 10) : null };
}

function preview(key: string, bucket: string): Preview {
  const size = files.get(bucket)?.find((each) => each.key === key)?.size ?? 0;
  const base: Preview = { key, size, format: "unknown", arrays: [], samples: [], columns: [], rows: [], problem: null };
  if (key.endsWith(".csv")) {
    return { ...base, format: "csv", columns: ["sepal length", "sepal width", "species"], rows: [["5.1", "3.5", "setosa"], ["4.9", "3.0", "setosa"], ["6.3", "3.3", "virginica"]] };
  }
  const classes = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [String(index), 5_421 + ((index * 617) % 1_321)]));
  if (key.endsWith("-ubyte")) {
    const isImages = key.includes("images");
    return {
      ...base, format: "idx",
      arrays: [{ name: "", shape: isImages ? [60_000, 28, 28] : [60_000], dtype: "uint8", values: isImages ? ["0", "0", "12", "255"] : ["5", "0", "4", "1"], classes: isImages ? null : classes, problem: null }],
      samples: isImages ? Array.from({ length: 12 }, (_, index) => sample(index, false)) : [],
    };
  }
  if (!key.endsWith(".npz")) return { ...base, problem: { reason: "UnknownFormat", message: `${key} is no npz, npy, idx or CSV file.`, remedy: "Convert it to npz.", current: null } };
  if (size === 0) return { ...base, problem: { reason: "NotFound", message: `The bucket ${bucket} has no object ${key}.`, remedy: "Choose another file, or upload it.", current: null } };
  return {
    ...base, format: "npz",
    arrays: [
      { name: "x", shape: [60_000, 28, 28], dtype: "uint8", values: ["0", "0", "12", "255"], classes: null, problem: null },
      { name: "y", shape: [60_000], dtype: "int64", values: ["5", "0", "4", "1"], classes, problem: null },
      { name: "names", shape: [10], dtype: "object", values: [], classes: null, problem: "Its values are objects of Python, which are never read." },
    ],
    samples: Array.from({ length: 12 }, (_, index) => sample(index, true)),
  };
}

function capacity(mayList: boolean): Capacity {
  if (!mayList) {
    return { nodes: null, problem: { reason: "Forbidden", message: "You may not list the nodes of this cluster.", remedy: "Ask your administrator for the right to list nodes. A run also starts without it.", current: null } };
  }
  const node = (name: string, gpus: number, freeGpus: number, memory: number, freeMemory: number, isReady = true): NodeCapacity => ({
    name, isReady, gpus: gpus ? { [GPU]: gpus } : {}, freeGpus: gpus ? { [GPU]: freeGpus } : {}, memory: memory * 2 ** 30, freeMemory: freeMemory * 2 ** 30, cpu: 32, freeCpu: 11.5,
  });
  return { nodes: [node("gpu-1", 4, 1, 256, 96), node("gpu-2", 8, 0, 512, 40), node("cpu-1", 0, 0, 64, 50, false)], problem: null };
}
