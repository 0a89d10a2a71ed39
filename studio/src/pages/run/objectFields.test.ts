import { expect, test } from "vitest";
import { condition, field, listField, numberField, textField, warnings } from "./objectFields";

const object = {
  status: {
    url: "http://digits.demo.svc",
    network: { parameters: 58954 },
    conditions: [null, { type: "Ready", status: "False", reason: "Unschedulable", message: 7 }],
    warnings: [{ reason: "MissingClasses", message: "Class 7 has no samples." }, "x"],
  },
};

test("values are found by their path", () => {
  expect(textField(object, "status.url")).toBe("http://digits.demo.svc");
  expect(numberField(object, "status.network.parameters")).toBe(58954);
});

test("another type, or no object, is no value", () => {
  expect(textField(object, "status.network.parameters")).toBeNull();
  expect(numberField(object, "status.url")).toBeNull();
  expect(field(null, "status.url")).toBeUndefined();
  expect(field(object, "status.url.length")).toBeUndefined();
  expect(listField({ status: "broken" }, "status.conditions")).toEqual([]);
});

test("conditions and warnings of any content are texts", () => {
  expect(condition(object, "Ready")).toEqual({ type: "Ready", status: "False", reason: "Unschedulable", message: "" });
  expect(condition(object, "Stalled")).toBeNull();
  expect(warnings(object)).toEqual([{ reason: "MissingClasses", message: "Class 7 has no samples." }]);
});
