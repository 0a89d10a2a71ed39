import { render } from "@testing-library/react";
import { expect, test } from "vitest";
import { CodeText } from "./CodeText";

test.each([
  ["`make demo` fills mnist-data.", ["make demo"], "make demo fills mnist-data."],
  ["a `b` c `d`", ["b", "d"], "a b c d"],
  ["no code", [], "no code"],
  ["one ` backtick", [], "one ` backtick"],
  ["`<b>x</b>`", ["<b>x</b>"], "<b>x</b>"],
  ["", [], ""],
])("%s", (text, code, shown) => {
  const { container } = render(<CodeText text={text} />);
  expect([...container.querySelectorAll("code")].map((each) => each.textContent)).toEqual(code);
  expect(container.textContent).toBe(shown);
});
