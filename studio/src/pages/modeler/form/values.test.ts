import { expect, test } from "vitest";
import { groupArguments, placeholderOf, textOf, valueOf } from "./values";

test.each([
  ["12", "integer", 12],
  ["0.001", "number", 0.001],
  ["1e-3", "number", 0.001],
  ["[3, 3]", "integers", [3, 3]],
  ["{name: L2, l2: 0.1}", "regularizer", { name: "L2", l2: 0.1 }],
  ["", "integer", undefined],
  ["  ", "string", undefined],
  ["same", "string", "same"],
  ["12", "string", "12"],
  ["null", "string", null],
  ["[3, ", "integers", "[3,"],
  ["abc", "number", "abc"],
  ["true", "boolean", true],
  ["yes", "boolean", true],
  ["0o17", "integer", "0o17"],
  ["9007199254740993", "integer", "9007199254740993"],
  ["1:30", undefined, "1:30"],
])("the text %j of type %s is %j", (text, type, value) => {
  expect(valueOf(text, type)).toEqual(value);
});

test.each([12, 0.001, 1e-7, true, null, "same", "true", "yes", "1e3", "0o17", "1:30", "a: b", "", "two\nlines", [3, 3], { name: "L2", l2: 0.1 }])("the value %j survives its text", (value) => {
  expect(valueOf(textOf(value), undefined)).toEqual(value === "" ? "" : value);
});

test("an alias bomb is a text", () => {
  const levels = Array.from({ length: 30 }, (_, level) => `a${level}: &a${level} [${level === 0 ? "x" : `*a${level - 1}, *a${level - 1}`}]`);
  const bomb = `{${levels.join(", ")}}`;
  expect(valueOf(bomb, undefined)).toBe(bomb);
});

test("placeholders are the defaults", () => {
  expect(placeholderOf({ default: [2, 2], type: "integers" })).toBe("[2, 2]");
  expect(placeholderOf({ default: null })).toBe("none");
  expect(placeholderOf({ required: true })).toBe("");
});

test("required arguments come first, seldom ones last", () => {
  const known = { trainable: { default: true }, bias: { default: true }, rate: { default: 0 }, units: { required: true }, name: {} };
  const { first, rest } = groupArguments(known, ["name"], ["rate"]);
  expect(first.map(([name]) => name)).toEqual(["units", "rate"]);
  expect(rest.map(([name]) => name)).toEqual(["bias", "trainable"]);
});
