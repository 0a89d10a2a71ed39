import { expect, test } from "vitest";
import { makeModel } from "../../testing/models";
import { readPage } from "./pageModel";

test("a description of this version is the same one", () => {
  const page = makeModel({ example: { inputs: [] }, features: ["a", "b", "c"] });
  expect(readPage(JSON.parse(JSON.stringify(page)))).toEqual(page);
});

test.each([
  [null],
  ["a text"],
  [{ ...makeModel(), name: 1 }],
  [{ ...makeModel(), images: "Video" }],
  [{ ...makeModel(), inputs: [] }],
  [{ ...makeModel(), outputs: [{ name: "a", dtype: "float32", shape: ["x"] }] }],
  [{ ...makeModel(), limits: {} }],
])("%j is no description", (page) => {
  expect(readPage(page)).toBeNull();
});

test("an unknown kind of class values is none", () => {
  const page = { ...makeModel(), outputs: [{ name: "a", dtype: "float32", shape: [-1, 2], classes: ["x", 1], class_values: "rank" }] };
  expect(readPage(page)?.outputs[0]).toMatchObject({ classes: ["x", "1"], class_values: null });
});
