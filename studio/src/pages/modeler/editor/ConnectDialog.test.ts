import { expect, test } from "vitest";
import { parseDocument } from "../../../modeler/document/parse";
import { toGraph } from "../../../modeler/graph/graph";
import { BRANCHED, chain } from "../../../modeler/testing";
import { sourcesFor } from "./ConnectDialog";

function graphOf(text: string) {
  const { document } = parseDocument(text);
  if (!document) throw new Error("broken");
  return toGraph(document);
}

test("the sources of a layer are those that do not depend on it, nearest above first", () => {
  const graph = graphOf(BRANCHED);
  expect(sourcesFor(graph, "layer-4", "").map(({ title }) => title)).toEqual(["flat2", "dense_2", "flat", "conv", "left", "right"]);
  expect(sourcesFor(graph, "layer-4", "CONV").map(({ title }) => title)).toEqual(["conv"]);
});

test("the connections of a large network are read once for all of its layers", () => {
  const { edges, ...graph } = graphOf(chain(1000));
  let reads = 0;
  const counted = {
    ...graph,
    get edges() {
      reads += 1;
      return edges;
    },
  };
  expect(sourcesFor(counted, "layer-500", "")).toHaveLength(501);
  expect(reads).toBe(1);
});
