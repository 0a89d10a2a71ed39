// Quantities of Kubernetes, and the nodes that have room for a run. Pure.
import type { NodeCapacity } from "../../wire";
import { asRecord } from "./document";

const FACTORS: Record<string, number> = {
  "": 1, n: 1e-9, u: 1e-6, m: 1e-3, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18,
  Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60,
};

/** Returns the number of a quantity such as 500m or 2Gi; undefined if a text is none. */
export function quantity(value: unknown): number | undefined {
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  if (typeof value !== "string") return undefined;
  const match = /^([0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE]([+-]?[0-9]{1,2})|([A-Za-z]{0,2}))$/u.exec(value.trim());
  if (!match) return undefined;
  const factor = FACTORS[match[3] ?? ""];
  return factor === undefined ? undefined : Number(match[1]) * factor * 10 ** Number(match[2] ?? 0);
}

/** The resources that the pod of a run asks the scheduler for. */
export interface Asked {
  /** Cores. */
  cpu: number;
  /** Bytes. */
  memory: number;
  gpus: Record<string, number>;
}

/** Returns the resources of a spec: as in Kubernetes, a limit without a request is the request, too. */
export function askedOf(resources: unknown): Asked {
  const { requests, limits } = asRecord(resources);
  const asked = { ...asRecord(limits), ...asRecord(requests) };
  const gpus = Object.entries(asRecord(limits)).flatMap(([name, value]) => {
    const count = name.includes("/") ? quantity(value) : undefined;
    return count ? [[name, count] as const] : [];
  });
  return { cpu: quantity(asked["cpu"]) ?? 0, memory: quantity(asked["memory"]) ?? 0, gpus: Object.fromEntries(gpus) };
}

export type Fit = "fits" | "busy" | "too-small" | "not-ready" | "unknown";

/** Returns whether a node has room for a pod: now, once others have ended, or never. Labels and taints do not count. */
export function fitOf(node: NodeCapacity, asked: Asked): Fit {
  const gpus = Object.entries(asked.gpus);
  const isLarge = gpus.every(([name, count]) => (node.gpus[name] ?? 0) >= count);
  if (!isLarge || node.memory < asked.memory || node.cpu < asked.cpu) return "too-small";
  if (!node.isReady) return "not-ready";
  if (node.freeGpus === null || node.freeMemory === null || node.freeCpu === null) return "unknown";
  const { freeGpus, freeMemory, freeCpu } = node;
  const isFree = gpus.every(([name, count]) => (freeGpus[name] ?? 0) >= count);
  return isFree && freeMemory >= asked.memory && freeCpu >= asked.cpu ? "fits" : "busy";
}

/** Returns a sentence about all nodes, and whether the run can begin now. */
export function outlook(nodes: readonly NodeCapacity[], asked: Asked): { text: string; canStart: boolean | null } {
  const fits = nodes.map((node) => fitOf(node, asked));
  const free = nodes.filter((_, index) => fits[index] === "fits");
  const [first] = free;
  if (first) {
    return { canStart: true, text: free.length === 1 ? `The node ${first.name} has room for this run now.` : `${free.length} nodes have room for this run now.` };
  }
  if (fits.includes("unknown")) return { canStart: null, text: "You may not list the pods of all namespaces, so the free part of the nodes is unknown." };
  const large = nodes.filter((_, index) => fits[index] === "busy");
  const [busy] = large;
  if (busy) {
    const names = large.length === 1 ? `the node ${busy.name}` : `one of ${large.length} nodes`;
    return { canStart: false, text: `No node has room now. The run waits in the queue until other pods leave ${names}.` };
  }
  if (fits.includes("not-ready")) return { canStart: false, text: "The nodes that are large enough take no pods now. The run waits in the queue until one of them is Ready." };
  return { canStart: false, text: "No node is large enough. The run waits in the queue until a larger node is added. Ask for less, or ask your administrator." };
}

/** Returns the names of the GPU resources of all nodes. */
export function gpuNames(nodes: readonly NodeCapacity[]): string[] {
  return [...new Set(nodes.flatMap((node) => Object.keys(node.gpus)))].sort();
}
