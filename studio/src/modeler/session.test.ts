import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { applyChange, diffText } from "./change";
import { setArgument, setSpecField } from "./edits/fields";
import { addLayer, removeLayers, renameLayer } from "./edits/layers";
import { ModelerSession } from "./session";
import { BRANCHED, chain, random } from "./testing";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("a broken text keeps the last good graph, lists its faults, and refuses edits", () => {
  const session = new ModelerSession(chain(3));
  const { graph, text } = session.getState();
  session.type(`${text}  x: [`);
  expect(session.getState()).toMatchObject({ isStale: true, graph });
  vi.advanceTimersByTime(200);
  expect(session.getState().problems[0]?.line).toBeGreaterThan(5);
  expect(session.getState().graph).toBe(graph);
  expect(session.getState().document).toBeNull();
  expect(session.apply(setSpecField(["training", "epochs"], 3))?.reason).toBe("BrokenText");
  session.type(`${text}  x: []\n`);
  vi.advanceTimersByTime(200);
  expect(session.getState()).toMatchObject({ isStale: false, problems: [] });
});

test("a text that is broken from the start shows what is readable of its network", () => {
  const session = new ModelerSession(`${chain(2)}  broken: [`);
  const { graph, problems, document } = session.getState();
  expect(problems).not.toEqual([]);
  expect(document).toBeNull();
  expect(graph.layerIds).toHaveLength(2);
});

test("undo and redo lead through canvas and YAML alike, with selection and ids", () => {
  const session = new ModelerSession(chain(3));
  const first = session.getState().graph.layerIds;
  session.select([first[1] ?? ""]);
  expect(session.apply(removeLayers([first[1] ?? ""]))).toBeNull();
  expect(session.getState().selection.size).toBe(0);
  vi.advanceTimersByTime(2000);
  session.type(session.getState().text.replace("units: 3", "units: 30"));
  expect(session.getState().undoLabel).toBe("typed YAML");
  expect(session.undo()).toBe(true);
  expect(session.getState()).toMatchObject({ undoLabel: "remove a layer", redoLabel: "typed YAML" });
  expect(session.undo()).toBe(true);
  expect(session.getState().graph.layerIds).toEqual(first);
  expect([...session.getState().selection]).toEqual([first[1]]);
  expect(session.undo()).toBe(false);
  expect(session.redo() && session.redo()).toBe(true);
  expect(session.getState().text).toContain("units: 30");
  expect(session.getState().graph.layerIds).toEqual([first[0], first[2]]);
  // A new edit forgets what was undone.
  session.undo();
  session.apply(setArgument(first[0] ?? "", "units", 9));
  expect(session.redo()).toBe(false);
});

test("typed characters are one step, until a pause or another edit", () => {
  const session = new ModelerSession(BRANCHED);
  for (let count = 1; count <= 5; count++) {
    session.type(`${BRANCHED}# ${"x".repeat(count)}\n`);
    vi.advanceTimersByTime(300);
  }
  vi.advanceTimersByTime(2000);
  session.type(`${BRANCHED}# later\n`);
  session.undo();
  expect(session.getState().text).toBe(`${BRANCHED}# xxxxx\n`);
  session.undo();
  expect(session.getState().text).toBe(BRANCHED);
});

test("characters of an argument are one step, too", () => {
  const session = new ModelerSession(chain(1));
  const id = session.getState().graph.layerIds[0] ?? "";
  for (const units of [2, 25, 256]) session.apply(setArgument(id, "units", units));
  session.apply(renameLayer(id, "d"));
  expect(session.undo() && session.undo()).toBe(true);
  expect(session.getState().text).toBe(chain(1));
});

test("ids of layers stay the same while their text is typed", () => {
  const session = new ModelerSession(BRANCHED);
  const ids = session.getState().graph.layerIds;
  const typed = (text: string) => {
    session.type(text);
    vi.advanceTimersByTime(200);
    return session.getState().graph.layerIds;
  };
  expect(typed(BRANCHED.replace("name: digit, units", "name: number, units").replace("outputs: [digit", "outputs: [number"))).toEqual(ids);
  expect(typed(BRANCHED)).toEqual(ids);
  expect(typed(BRANCHED.replace("        - {layer: Dense, units: 10}\n", ""))).toEqual(ids.filter((_, index) => index !== 2));
  const again = typed(BRANCHED.replace("        # The begin.\n", "        - {layer: ReLU, inputs: [left]}\n"));
  expect(again[1]).toBe(ids[0]);
  expect(ids).not.toContain(again[0]);
  expect(new Set(again).size).toBe(again.length);
});

test("another version is undone as an edit, and listeners hear of each change once", () => {
  const session = new ModelerSession(chain(2));
  const heard = vi.fn();
  const end = session.subscribe(heard);
  session.apply(addLayer({ layer: "ReLU" }, { kind: "end" }));
  session.select(["missing"]);
  expect(heard).toHaveBeenCalledTimes(2);
  const drawn = session.getState().text;
  session.open(chain(1));
  expect(session.getState()).toMatchObject({ text: chain(1), undoLabel: "open another version" });
  expect(session.getState().document?.text).toBe(chain(1));
  expect(session.undo()).toBe(true);
  expect(session.getState()).toMatchObject({ text: drawn, undoLabel: "add ReLU" });
  end();
  const { length } = heard.mock.calls;
  session.apply(addLayer({ layer: "ReLU" }, { kind: "end" }));
  expect(heard).toHaveBeenCalledTimes(length);
});

test("a document that would be too large is refused", () => {
  const session = new ModelerSession(chain(1));
  expect(session.apply(setSpecField(["data", "bucket"], "x".repeat(200_000)))).not.toBeNull();
  expect(session.getState().text).toBe(chain(1));
});

test("thousands of edits are remembered in bounded memory, the newest ones", () => {
  const session = new ModelerSession(chain(1));
  for (let edit = 0; edit < 1100; edit++) {
    session.type(`${chain(1)}# ${edit}\n`);
    session.seal();
  }
  let steps = 0;
  while (session.undo()) steps++;
  expect(steps).toBe(1000);
});

test("a difference leads from one text to the other", () => {
  const chance = random(7);
  const any = () => Array.from({ length: Math.floor(chance() * 6) }, () => "ab"[Math.floor(chance() * 2)]).join("");
  for (let count = 0; count < 300; count++) {
    const [before, after] = [any(), any()];
    const change = diffText(before, after);
    expect(change ? applyChange(before, change) : before).toBe(after);
  }
});
