import { describe, expect, test } from "vitest";
import { makeModel, tensor } from "../../testing/models";
import { columnsOf, columnsText, MAX_ROWS, readTable, TableError } from "./table";

const SEVERAL = makeModel({ inputs: [tensor("rooms", [1]), tensor("note", [], "str"), tensor("colour", [3], "uint8")] });

test("each row is a sample", () => {
  const { request, samples, unused } = readTable("1,2,3\n4,5,-6e1", makeModel());
  expect([samples, unused]).toEqual([2, []]);
  expect(request).toEqual({ inputs: [{ name: "features", datatype: "FP32", shape: [2, 3], data: [1, 2, 3, 4, 5, -60] }] });
});

test("the columns of several inputs are in their order, each with its type", () => {
  const { inputs } = readTable('2.5,"a, b",1,2,3\n3,c,4,5,6', SEVERAL).request;
  expect(inputs.map(({ shape, datatype, data }) => [shape, datatype, data])).toEqual([
    [[2, 1], "FP32", [2.5, 3]],
    [[2], "BYTES", ["a, b", "c"]],
    [[2, 3], "UINT8", [1, 2, 3, 4, 5, 6]],
  ]);
});

describe("a header", () => {
  const model = makeModel({ inputs: [tensor("rooms", [1]), tensor("age", [])] });

  test("with the names of the inputs finds the columns, and names those that are not used", () => {
    const { request, unused } = readTable("age,price,rooms\n30,1e5,4\n2,2e5,7", model);
    expect(request.inputs.map(({ data }) => data)).toEqual([[4, 7], [30, 2]]);
    expect(unused).toEqual(["price"]);
  });

  test("with other names is left out", () => {
    expect(readTable("a,b,c\n1,2,3", makeModel()).request.inputs[0]?.data).toEqual([1, 2, 3]);
  });

  test("with the name of an input at the place of another one is refused, in any case", () => {
    const heights = makeModel({ inputs: [tensor("height", [1]), tensor("weight", [1])] });
    expect(() => readTable("weight, Height\n80,1.8", heights)).toThrow("The columns are weight, Height, and the model takes height and weight. Put them in the order of the model.");
    const { request, isInOrder } = readTable("Height,Weight\n1.8,80", heights);
    expect([request.inputs.map(({ data }) => data), isInOrder]).toEqual([[[1.8], [80]], true]);
    expect(readTable("weight,height\n80,1.8", heights).isInOrder).toBe(false);
    expect(() => readTable("colour,note,a,b,c\n1,x,1,2,3", SEVERAL)).toThrow("rooms, note and 3 values of colour");
    expect(readTable("rooms,note,colour,colour,colour\n1,x,1,2,3", SEVERAL).isInOrder).toBe(true);
  });

  test("with the names of the features finds the columns", () => {
    const flowers = makeModel({ features: ["sepal", "petal", "stem"] });
    const { request, unused, isInOrder } = readTable("petal,price,stem,sepal\n2,9,3,1", flowers);
    expect([request.inputs[0]?.data, unused, isInOrder]).toEqual([[1, 2, 3], ["price"], false]);
    expect(() => readTable("Stem,petal,sepal\n3,2,1", flowers)).toThrow("the model takes sepal, petal and stem");
    expect(() => readTable("1,2", flowers)).toThrow("the model takes 3: sepal, petal and stem.");
  });

  test("alone is no table", () => {
    expect(() => readTable("a,b,c", makeModel())).toThrow("header alone");
  });

  test("of texts alone has the names of the inputs", () => {
    const texts = makeModel({ inputs: [tensor("review", [], "str")] });
    expect(readTable("review\ngood", texts).samples).toBe(1);
    expect(readTable("bad\ngood", texts).samples).toBe(2);
  });
});

test("a first row with a single broken value is no header", () => {
  expect(() => readTable("1,x,3\n4,5,6", makeModel())).toThrow('Row 1, column 2: features takes numbers, found "x".');
});

test("a decimal comma is read between semicolons", () => {
  expect(readTable("1,5;-2,25;3", makeModel()).request.inputs[0]?.data).toEqual([1.5, -2.25, 3]);
});

test.each([
  ["", "The table is empty."],
  ["1,2,3,4", "The first row has 4 columns, and the model takes 3: 3 values of features. Remove the other columns"],
  ["1,2", "The first row has 2 columns, and the model takes 3"],
  ["1,2,3\n4,5", "Row 2 has 2 columns, and the first row has 3."],
  ["a,b,c\n1,2,3\n4,,6", 'Row 3, column 2: features takes numbers, found "".'],
  ["1,2,NaN\n", 'Row 1, column 3: features takes numbers, found "NaN".'],
  ["1,2,3\n".repeat(MAX_ROWS + 1), `at most ${MAX_ROWS} are sent at once`],
  ["1".repeat(1_000_001), "at most 1000000 are read"],
])("the table %.12j is refused with the remedy", (text, message) => {
  expect(() => readTable(text, makeModel())).toThrow(TableError);
  expect(() => readTable(text, makeModel())).toThrow(message);
});

test("integers and truth values are exact", () => {
  const model = makeModel({ inputs: [tensor("count", [], "int64"), tensor("is_new", [], "bool")] });
  expect(readTable("3,True\n4,0", model).request.inputs.map(({ data }) => data)).toEqual([[3, 4], [true, false]]);
  expect(() => readTable("3,true\n4.5,true", model)).toThrow('count takes integers, found "4.5"');
  expect(() => readTable("3,true\n4,maybe", model)).toThrow("is_new takes true or false");
});

test("a request above the limit of the server is not sent", () => {
  const model = makeModel({ limits: { request_bytes: 300 } });
  expect(() => readTable("1,2,3\n".repeat(40), model)).toThrow("the model takes 300 bytes. Use fewer rows.");
});

test.each([
  [[tensor("features", [3])], 3, "3 values of features"],
  [SEVERAL.inputs, 5, "rooms, note and 3 values of colour"],
  [[tensor("words", [-1])], null, ""],
  [[tensor("image", [96, 96, 3])], null, ""],
])("the columns of %j", (inputs, columns, text) => {
  const model = makeModel({ inputs });
  expect(columnsOf(model)).toBe(columns);
  if (columns !== null) expect(columnsText(model)).toBe(text);
});
