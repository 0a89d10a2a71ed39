import { render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { expect, test } from "vitest";
import { setIn, type Json, type JsonObject, type Path } from "../../../modeler/json";
import type { DocumentProblem } from "../../../wire";
import { CATALOGUE } from "../testing";
import { ArgumentFields } from "./ArgumentFields";
import { FieldProblems } from "./problems";

const PATH = ["layers", 0];

/** Shows the form of a layer; `values` has each version of its arguments. */
function show(start: JsonObject, problems: DocumentProblem[] = [], name = "Conv2D") {
  const values: JsonObject[] = [start];
  function Form() {
    const [value, setValue] = useState<Json>({ layers: [start] });
    const arguments_ = (value as { layers: JsonObject[] }).layers[0] ?? {};
    const onSet = (path: Path, next: Json | undefined) => {
      const changed = setIn(value, path, next) as { layers: JsonObject[] };
      values.push(changed.layers[0] ?? {});
      setValue(changed as unknown as Json);
    };
    return <ArgumentFields rim={{ catalogue: CATALOGUE, problems: new FieldProblems(problems), onSet }} module="keras.layers" name={name} value={arguments_} path={PATH} hidden={["name"]} />;
  }
  render(<Form />);
  return { user: userEvent.setup(), values };
}

test("required arguments come first, and the others open on demand", () => {
  show({ filters: 8 });
  expect(screen.getByLabelText("filters")).toHaveProperty("value", "8");
  expect(screen.getByLabelText("kernel_size").getAttribute("aria-required")).toBe("true");
  expect(within(screen.getByRole("group")).getByText("6 more arguments with defaults")).toBeTruthy();
});

test("a number, a list, a choice and a text become values of their types", async () => {
  const { user, values } = show({});
  await user.type(screen.getByLabelText("filters"), "16{Enter}");
  await user.type(screen.getByLabelText("kernel_size"), "[[3, 5]{Enter}");
  await user.selectOptions(screen.getByLabelText("use_bias"), "false");
  await user.type(screen.getByLabelText("padding"), "same{Enter}");
  expect(values.at(-1)).toEqual({ filters: 16, kernel_size: [3, 5], use_bias: false, padding: "same" });
});

test("a typed word is one edit, and leaving the field ends it", async () => {
  const { user, values } = show({ filters: 8, kernel_size: 3 });
  await user.clear(screen.getByLabelText("filters"));
  await user.type(screen.getByLabelText("filters"), "128");
  await user.tab();
  expect(values.at(-1)).toEqual({ filters: 128, kernel_size: 3 });
  expect(values.length).toBeLessThanOrEqual(3);
});

test("reset removes a value, so that the default holds", async () => {
  const { user, values } = show({ filters: 8, kernel_size: 3, padding: "same" });
  await user.click(screen.getByRole("button", { name: "Reset padding to its default" }));
  expect(values.at(-1)).toEqual({ filters: 8, kernel_size: 3 });
  expect(screen.getByLabelText("padding").getAttribute("placeholder")).toBe("valid");
});

test("an emptied field keeps its place, so that the click below it arrives", async () => {
  const { user, values } = show({ filters: 8, kernel_size: 3, padding: "same", filterz: 1 });
  const more = screen.getByRole("group");
  for (const name of ["padding", "filterz"]) {
    const field = screen.getByLabelText(name);
    await user.clear(field);
    await user.tab();
    expect(screen.getByLabelText(name)).toBe(field);
    expect(more.contains(field)).toBe(false);
  }
  expect(values.at(-1)).toEqual({ filters: 8, kernel_size: 3 });
});

test("a field with a first value keeps its place and the focus", async () => {
  const { user, values } = show({ filters: 8, kernel_size: 3 });
  const field = screen.getByLabelText("padding");
  await user.type(field, "same{Enter}");
  expect(document.activeElement).toBe(field);
  expect(screen.getByRole("group")).toHaveProperty("open", true);
  expect(values.at(-1)).toEqual({ filters: 8, kernel_size: 3, padding: "same" });
});

test("an initializer is its short name, and an object with its arguments", async () => {
  const { user, values } = show({ filters: 8, kernel_size: 3 });
  await user.selectOptions(screen.getByLabelText("kernel_initializer"), "HeNormal");
  expect(values.at(-1)?.["kernel_initializer"]).toBe("he_normal");
  await user.click(screen.getByText("1 more argument with defaults"));
  await user.type(screen.getByLabelText("seed"), "7{Enter}");
  expect(values.at(-1)?.["kernel_initializer"]).toEqual({ name: "he_normal", seed: 7 });
});

test.each([[12, "12"], [true, "true"], [1.5, "1.5"]])("the value %j in a field of texts is shown, and becomes a text when it is typed", async (padding, shown) => {
  const { user, values } = show({ filters: 8, kernel_size: 3, padding });
  const field = screen.getByLabelText("padding");
  expect(field).toHaveProperty("value", shown);
  await user.type(field, "0{Enter}");
  expect(field).toHaveProperty("value", `${shown}0`);
  expect(values.at(-1)?.["padding"]).toBe(`${shown}0`);
});

test("an argument that the catalogue does not know stays visible", () => {
  show({ filters: 8, kernel_size: 3, filterz: 1 });
  expect(screen.getByLabelText("filterz")).toHaveProperty("value", "1");
});

test("a problem stands at its field, and opens the fields that hide it", () => {
  const message = "must be valid or same";
  show({ filters: 8 }, [{ path: "layers[0].padding", message, layer: 0, line: null, isWarning: false }]);
  const field = screen.getByLabelText("padding");
  expect(field.getAttribute("aria-invalid")).toBe("true");
  expect(document.getElementById(field.getAttribute("aria-describedby") ?? "")?.textContent).toContain(message);
  expect(screen.getByRole("group")).toHaveProperty("open", true);
});
