import { act, renderHook, waitFor } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { DraftStore } from "../../../modeler/drafts";
import { ModelerSession } from "../../../modeler/session";
import { fakeFetch } from "../../../testing/backEnd";
import { PendingTexts } from "../form/pending";
import { useSave } from "./useSave";

const KEY = { kind: "TrainingJob", namespace: "vision", name: "net" } as const;
const TEXT = "kind: TrainingJob\nmetadata:\n  name: net\nspec:\n  suspend: true\n";

test("a label that the cluster adds becomes one of the document, so that the next save keeps it", async () => {
  const stored = "kind: TrainingJob\nmetadata:\n  name: net\n  labels: {team: vision, cost-centre: '7'}\n  annotations:\n    injected: 'yes'\nspec:\n  suspend: true\n  framework: tensorflow\n";
  const text = TEXT.replace("name: net", "name: net   # mine\n  labels: {team: vision}");
  const sent = fakeFetch({ "POST /api/jobs": { key: KEY, resourceVersion: "8", yaml: stored, warnings: [] } });
  const session = new ModelerSession(text);
  const { result } = renderHook(() => useSave({ origin: { text, storedText: null, run: undefined, draft: { namespace: "vision", name: "net" } }, session, pending: new PendingTexts(), namespace: "vision", drafts: new DraftStore("ada"), onSaved: vi.fn() }));
  act(() => result.current.begin());
  await waitFor(() => expect(result.current.step.name).toBe("saved"));
  expect(result.current.isChanged).toBe(false);
  act(() => result.current.begin());
  await waitFor(() => expect(sent).toHaveLength(2));
  expect((sent[1]?.body as { yaml: string }).yaml).toBe(text.replace("team: vision}", 'team: vision, cost-centre: "7"}').replace("spec:", 'annotations: {injected: "yes"}\nspec:').replace("annotations", "  annotations"));
  session.dispose();
});

test("a field that the cluster adds to the spec is sent again, until the user removes it", async () => {
  const field = { path: ["spec", "scheduling"], value: { nodeSelector: { zone: "a" } } };
  const answers = [{ added: [field] }, { added: [] }, { added: [] }].map((each, index) => ({ key: KEY, resourceVersion: `${index + 8}`, yaml: TEXT, warnings: [], ...each }));
  const sent = fakeFetch({ "POST /api/jobs": () => answers[sent.length - 1] ?? answers[2] });
  const session = new ModelerSession(TEXT);
  const { result } = renderHook(() => useSave({ origin: { text: TEXT, storedText: null, run: undefined, draft: { namespace: "vision", name: "net" } }, session, pending: new PendingTexts(), namespace: "vision", drafts: new DraftStore("ada"), onSaved: vi.fn() }));
  const save = async (count: number) => {
    act(() => result.current.begin());
    await waitFor(() => expect(sent).toHaveLength(count));
    await waitFor(() => expect(result.current.isBusy).toBe(false));
    return (sent.at(-1)?.body as { yaml: string }).yaml;
  };
  expect(await save(1)).not.toContain("zone");
  expect(result.current.isChanged).toBe(false);
  expect(await save(2)).toContain("zone: a");
  act(() => session.open(TEXT));
  expect(await save(3)).toBe(TEXT);
  session.dispose();
});

test("a trial that is saved as a new run is no trial of its Experiment", async () => {
  const text = TEXT.replace("name: net", "name: net\n  labels: {epochal.dev/experiment: search, epochal.dev/trial: net, team: vision}\n  annotations: {epochal.dev/rung: '0'}");
  const sent = fakeFetch({ "POST /api/jobs": { key: KEY, resourceVersion: "8", yaml: text, warnings: [] } });
  const session = new ModelerSession(text);
  const run = { key: KEY, resourceVersion: "7", hasRun: false };
  const { result } = renderHook(() => useSave({ origin: { text, storedText: text, run, draft: { namespace: "vision", name: "net" } }, session, pending: new PendingTexts(), namespace: "vision", drafts: new DraftStore("ada"), onSaved: vi.fn() }));
  act(() => result.current.begin());
  await waitFor(() => expect(result.current.step.name).toBe("saved"));
  act(() => result.current.saveAs("other"));
  await waitFor(() => expect(sent).toHaveLength(2));
  const [same, other] = sent.map(({ body }) => (body as { yaml: string }).yaml);
  expect(same).toBe(text);
  expect(other).toContain("labels: {team: vision}");
  expect(other).not.toMatch(/epochal\.dev/u);
  session.dispose();
});

test("a suspension that was removed a moment ago is set again, since Save never starts a training", async () => {
  const sent = fakeFetch({ "POST /api/jobs": { key: KEY, resourceVersion: "8", yaml: TEXT, warnings: [] } });
  const session = new ModelerSession(TEXT);
  const onSaved = vi.fn();
  const origin = { text: TEXT, storedText: null, run: undefined, draft: { namespace: "vision", name: "net" } };
  const drafts = new DraftStore("ada");
  const pending = new PendingTexts();
  const { result } = renderHook(() => useSave({ origin, session, pending, namespace: "vision", drafts, onSaved }));
  act(() => {
    session.type(TEXT.replace("true", "false"));
    result.current.begin();
  });
  await waitFor(() => expect(onSaved).toHaveBeenCalledWith(KEY));
  expect(sent.map(({ body }) => (body as { yaml: string }).yaml)).toEqual([TEXT]);
  session.dispose();
});
