import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { RequestError } from "../api/client";
import type { Checked, DocumentProblem } from "../wire";
import { DocumentChecker, findingsOf, nodeOfProblem } from "./check";
import { ModelerSession } from "./session";
import { BRANCHED } from "./testing";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const answer = (changes: Partial<Checked> = {}): Checked => ({ problems: [], layers: [], parameters: null, isBuilt: true, ...changes });

test("only the newest text is asked about, and older requests end", async () => {
  const asked: { text: string; signal: AbortSignal; resolve: (checked: Checked) => void }[] = [];
  const checker = new DocumentChecker((text, signal) => new Promise((resolve) => asked.push({ text, signal, resolve })));
  checker.check("a", 1);
  checker.check("b", 2);
  await vi.advanceTimersByTimeAsync(200);
  expect(asked.map(({ text }) => text)).toEqual(["b"]);
  checker.check("c", 3);
  expect(asked[0]?.signal.aborted).toBe(true);
  await vi.advanceTimersByTimeAsync(200);
  asked[0]?.resolve(answer({ parameters: 1 }));
  await vi.advanceTimersByTimeAsync(0);
  expect(checker.getState()).toMatchObject({ checked: null, isWaiting: true });
  asked[1]?.resolve(answer({ parameters: 2 }));
  await vi.advanceTimersByTimeAsync(0);
  expect(checker.getState()).toMatchObject({ checked: { parameters: 2 }, version: 3, isWaiting: false });
  checker.check("c", 3);
  await vi.advanceTimersByTimeAsync(200);
  expect(asked).toHaveLength(2);
});

test("a failed request keeps the last answer and names its cause", async () => {
  const post = vi.fn<() => Promise<Checked>>().mockResolvedValueOnce(answer({ parameters: 5 })).mockRejectedValueOnce(new RequestError({ reason: "Unreachable", message: "Studio cannot be reached." }, 0)).mockResolvedValue(answer());
  const checker = new DocumentChecker(post);
  checker.check("a", 1);
  await vi.advanceTimersByTimeAsync(200);
  checker.check("b", 2);
  await vi.advanceTimersByTimeAsync(200);
  expect(checker.getState()).toMatchObject({ checked: { parameters: 5 }, version: 1, isWaiting: false, problem: { reason: "Unreachable" } });
  checker.retry("b", 2);
  await vi.advanceTimersByTimeAsync(200);
  expect(checker.getState()).toMatchObject({ version: 2, problem: null });
});

test("problems and shapes belong to nodes", () => {
  const { graph } = new ModelerSession(BRANCHED).getState();
  const problem = (path: string, changes: Partial<DocumentProblem> = {}): DocumentProblem => ({ path, message: "wrong", ...changes });
  const spec = "spec.template.spec";
  expect(nodeOfProblem(problem("anything", { layer: 3 }), graph)).toBe("layer-3");
  expect(nodeOfProblem(problem(`${spec}.network.layers[2].units`), graph)).toBe("layer-2");
  expect(nodeOfProblem(problem(`${spec}.network.inputs[1].shape[0]`), graph)).toBe("input-1");
  expect(nodeOfProblem(problem(`${spec}.training.outputs[1].loss.delta`), graph)).toBe("loss:side");
  expect(nodeOfProblem(problem(`${spec}.training.optimizer.learning_rate`), graph)).toBe("optimizer");
  expect(nodeOfProblem(problem(`${spec}.data.train`), graph)).toBe("data");
  expect(nodeOfProblem(problem("metadata.name"), graph)).toBeNull();
  const findings = findingsOf(answer({ problems: [problem(`${spec}.network.layers[2].units`), problem("", { line: 3 }), problem("", { layer: 2 })], layers: [{ index: 0, outputs: [[26, 26, 8]], parameters: 80 }, { index: 5, outputs: [], parameters: null }] }), graph);
  expect(findings.problems.get("layer-2")).toHaveLength(2);
  expect(findings.rest).toHaveLength(1);
  expect(findings.shapes).toEqual(new Map([["layer-0", [[26, 26, 8]]]]));
  expect(findings.parameters.get("layer-5")).toBeNull();
});
