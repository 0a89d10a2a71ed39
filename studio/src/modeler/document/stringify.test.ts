import { expect, test } from "vitest";
import { parseDocument as parseYaml } from "yaml";
import type { Json } from "../json";
import { parseDocument, readYaml } from "./parse";
import { behindKey, fields, flow } from "./stringify";
import { writeValue } from "./write";

const VALUES: Json[] = [
  "on", "Yes", "y", "null", "~", "", " a", "a ", "1", "e1", "E2", "e-5", "e+5", ".e3", "n", "08", "-.5", ".", "_", "1e3", "0x1f", "1_000", "12:30", "2001-01-01", ".5", "a: b", "a #b", "#", "- a", "?", "a,b", "{a}", "*a", "&a", "!a", "|", "%a", "@a", "`", "é", "\u2028", "a\nb", "'", "\"", "\\", "s3://bucket/key", "<<", "=", "relu",
  0, -0, 1, 0.1, 1e-7, 1e21, -2.5e-10, 123456789012, true, false, null, [], {}, [[1], []], { a: { b: [1, { c: "on" }] }, "b c": null, "1": 2, true: 3 },
];

test.each(VALUES.map((value) => [value]))("%j is read again by YAML 1.1 and 1.2", (value) => {
  for (const text of [flow(value), `[${flow(value)}]`, `{k: ${flow(value)}}`]) {
    const found = readYaml(`a: ${text}\n`);
    expect(found.problems).toEqual([]);
    expect(found.value).toEqual({ a: text.startsWith("[") && text !== flow(value) ? [value] : text.startsWith("{k") && text !== flow(value) ? { k: value } : value });
    expect(parseYaml(`a: ${flow(value)}\n`).toJS()).toEqual({ a: value });
    // Not every parser reads e1 as the text that it is for the back end.
    expect(parseYaml(`a: ${flow(value)}\n`, { schema: "yaml-1.1" }).toJS()).toEqual({ a: value });
  }
  expect(parseYaml(`a:${behindKey(value, 0)}\n`, { schema: "yaml-1.1" }).toJS()).toEqual({ a: value });
  expect(readYaml(`a:${behindKey(value, 0)}\n`).value).toEqual({ a: value });
});

test("long objects and lists of objects have lines of their own", () => {
  const value = { name: "x".repeat(60), list: [{ layer: "Dense" }, { layer: "Conv2D", text: "y".repeat(100) }], more: "z".repeat(60) };
  const text = fields({ value }, 0);
  expect(text).toContain("  list:\n  - {layer: Dense}\n  - layer: Conv2D\n    text: yyy");
  expect(readYaml(text).value).toEqual({ value });
});

test.each(["e1", "E2", "n"])("a run that is renamed to %s has this text as its name for each parser", (name) => {
  const { document } = parseDocument("kind: TrainingJob\nmetadata:\n  name: net\nspec: {}\n");
  if (!document) throw new Error("broken");
  const { text, value } = writeValue(document, { ...document.value, metadata: { name } });
  expect(value["metadata"]).toEqual({ name });
  for (const schema of ["core", "yaml-1.1"] as const) expect(parseYaml(text, { schema }).toJS()).toMatchObject({ metadata: { name } });
});
