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
