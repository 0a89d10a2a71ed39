import { expect, test } from "vitest";
import { readCells } from "./csv";

test.each([
  ["1,2\n3,4", ",", [["1", "2"], ["3", "4"]]],
  ["1;2\r\n3;4\r\n", ";", [["1", "2"], ["3", "4"]]],
  ["1,5;-2,5;,5", ";", [["1,5", "-2,5", ",5"]]],
  ["good; fun,1", ",", [["good; fun", "1"]]],
  ["1\t2,5\n3\t4", "\t", [["1", "2,5"], ["3", "4"]]],
  ["\uFEFFa, b\n\n , \n1, 2", ",", [["a", "b"], ["1", "2"]]],
  ['"a, b",c', ",", [["a, b", "c"]]],
  ['"of ""x""","two\nlines" ,', ",", [['of "x"', "two\nlines", ""]]],
  ['5" disk,1', ",", [['5" disk', "1"]]],
  ['" a ",b', ",", [[" a ", "b"]]],
  ["", ",", []],
])("%j has the separator %j", (text, separator, rows) => {
  expect(readCells(text)).toEqual({ separator, rows });
});

test("a quote without an end takes the rest", () => {
  expect(readCells('a,"b\nc').rows).toEqual([["a", "b\nc"]]);
});
