import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";
import { CATALOGUE } from "../testing";
import { paletteGroups, searchItems } from "./items";
import { Palette } from "./Palette";

test("the groups have the usable layers alone, each once and in order", () => {
  const groups = paletteGroups(CATALOGUE);
  expect(groups.map(({ title, items }) => [title, items.map(({ name }) => name)])).toEqual([
    ["Core", ["Dense", "Embedding"]],
    ["Convolution", ["Conv2D", "Conv2DTranspose"]],
    ["Pooling", ["MaxPooling2D"]],
    ["Merging", ["Add"]],
  ]);
});

test.each([
  ["conv", ["Conv2D", "Conv2DTranspose"]],
  ["mp2", ["MaxPooling2D"]],
  ["bed", ["Embedding"]],
  ["pooling", ["MaxPooling2D"]],
  ["lambda", []],
])("the search for %s finds %j", (text, names) => {
  expect(searchItems(paletteGroups(CATALOGUE), text).map(({ name }) => name)).toEqual(names);
});

test("arrows choose and Enter adds, while the focus stays in the search", async () => {
  const onAdd = vi.fn();
  const user = userEvent.setup();
  render(<Palette catalogue={CATALOGUE} place="Added at the end" onAdd={onAdd} />);
  const search = screen.getByRole("combobox", { name: "Search layers" });
  await user.type(search, "conv{ArrowDown}{Enter}");
  expect(onAdd).toHaveBeenCalledExactlyOnceWith("Conv2DTranspose");
  expect(document.activeElement).toBe(search);
  const active = search.getAttribute("aria-activedescendant") ?? "";
  expect(document.getElementById(active)?.textContent).toBe("Conv2DTranspose");
  await user.keyboard("{Escape}");
  expect(screen.getByRole("option", { name: "Add" })).toBeTruthy();
});

test("a search without a result says so, and Enter adds nothing", async () => {
  const onAdd = vi.fn();
  const user = userEvent.setup();
  render(<Palette catalogue={CATALOGUE} place="" onAdd={onAdd} />);
  await user.type(screen.getByRole("combobox"), "lambda{Enter}");
  expect(screen.getByRole("status").textContent).toContain("no layer with this name");
  expect(onAdd).not.toHaveBeenCalled();
});
