import { expect, test } from "vitest";
import type { NodeCapacity } from "../../wire";
import { askedOf, fitOf, gpuNames, outlook, quantity } from "./quantities";

const GPU = "nvidia.com/gpu";
const node = (changes: Partial<NodeCapacity> = {}): NodeCapacity => ({
  name: "a", isReady: true, gpus: { [GPU]: 4 }, freeGpus: { [GPU]: 1 }, memory: 64e9, freeMemory: 16e9, cpu: 32, freeCpu: 8, ...changes,
});

test.each([
  ["500m", 0.5], ["2Gi", 2 ** 31], ["1.5G", 1.5e9], [3, 3], ["1e3", 1000], [".5", 0.5], ["2gi", undefined], ["", undefined], ["two", undefined], [null, undefined],
])("the quantity %s is %s", (text, expected) => {
  expect(quantity(text)).toBe(expected);
});

test("a limit without a request is the request", () => {
  const resources = { requests: { cpu: "1" }, limits: { cpu: "4", memory: "4Gi", [GPU]: 2 } };
  expect(askedOf(resources)).toEqual({ cpu: 1, memory: 2 ** 32, gpus: { [GPU]: 2 } });
  expect(askedOf(undefined)).toEqual({ cpu: 0, memory: 0, gpus: {} });
});

test.each([
  [{ gpus: { [GPU]: 1 } }, {}, "fits"],
  [{ gpus: { [GPU]: 2 } }, {}, "busy"],
  [{ gpus: { [GPU]: 8 } }, {}, "too-small"],
  [{ gpus: { "amd.com/gpu": 1 } }, {}, "too-small"],
  [{ memory: 17e9 }, {}, "busy"],
  [{ cpu: 9 }, {}, "busy"],
  [{}, { isReady: false }, "not-ready"],
  [{}, { freeGpus: null, freeMemory: null, freeCpu: null }, "unknown"],
])("%j on a node %j: %s", (asked, changes, fit) => {
  expect(fitOf(node(changes), { cpu: 0, memory: 0, gpus: {}, ...asked })).toBe(fit);
});

test("the outlook names the node, or what the run waits for", () => {
  const two = { cpu: 0, memory: 0, gpus: { [GPU]: 2 } };
  expect(outlook([node({ freeGpus: { [GPU]: 2 } }), node({ name: "b" })], two)).toEqual({ canStart: true, text: "The node a has room for this run now." });
  expect(outlook([node()], two).text).toContain("waits in the queue until other pods leave the node a");
  expect(outlook([node({ gpus: {} })], two).text).toContain("No node is large enough");
  expect(outlook([node({ isReady: false })], two).text).toContain("until one of them is Ready");
  expect(outlook([node({ freeGpus: null })], two).canStart).toBeNull();
  expect(gpuNames([node(), node({ gpus: { "amd.com/gpu": 1 } })])).toEqual(["amd.com/gpu", GPU]);
});
