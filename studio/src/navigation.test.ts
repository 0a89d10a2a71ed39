import { expect, test } from "vitest";
import { compareAddress, modelAddress, modelerAddress, navigate, routeOf, runAddress, setQuery, withNamespace } from "./navigation";
import { chosenNamespace, namespaceProblem } from "./namespaces";

const SERVER = { kind: "ModelServer", namespace: "team-a", name: "digits" } as const;
const RUN = { kind: "TrainingJob", namespace: "team-a", name: "mnist" } as const;

test.each([
  ["/", "", { page: "runs" }],
  ["/storage", "?namespace=team-a", { page: "storage" }],
  ["/new", "?template=mnist", { page: "new-run", run: null, template: "mnist" }],
  ["/new", "?run=TrainingJob/team-a/mnist", { page: "new-run", run: RUN, template: null }],
  ["/new", "?run=broken", { page: "new-run", run: null, template: null }],
  ["/runs/TrainingJob/team-a/mnist", "", { page: "run", run: RUN }],
  ["/modeler", "", { page: "modeler", open: { kind: "start" } }],
  ["/modeler", "?run=TrainingJob/team-a/mnist", { page: "modeler", open: { kind: "run", run: RUN } }],
  ["/modeler", "?run=ModelServer/team-a/mnist", { page: "modeler", open: { kind: "start" } }],
  ["/modeler", "?template=mnist&namespace=team-a", { page: "modeler", open: { kind: "template", name: "mnist" } }],
  ["/modeler", "?blank=1", { page: "modeler", open: { kind: "blank" } }],
  ["/runs/Pod/team-a/mnist", "", { page: "not-found" }],
  ["/runs/TrainingJob/team-a", "", { page: "not-found" }],
  ["/runs/TrainingJob/team-a/a/b", "", { page: "not-found" }],
  ["/runs/%E0%A4%A", "", { page: "not-found" }],
  ["/models", "?namespace=team-a", { page: "models" }],
  ["/models/team-a/digits", "", { page: "model", server: SERVER }],
  ["/models/team-a", "", { page: "not-found" }],
  ["/models/team-a/a/b", "", { page: "not-found" }],
  ["/compare", "?run=TrainingJob/team-a/mnist&run=broken", { page: "compare", runs: [RUN] }],
])("%s%s", (pathname, search, route) => {
  expect(routeOf(pathname, search)).toEqual(route);
});

test("addresses lead back to their runs", () => {
  expect(routeOf(runAddress(RUN), "")).toEqual({ page: "run", run: RUN });
  expect(routeOf(modelAddress(SERVER), "")).toEqual({ page: "model", server: SERVER });
  const { pathname, search } = new URL(compareAddress([RUN], "*"), "http://studio");
  expect(routeOf(pathname, search)).toEqual({ page: "compare", runs: [RUN] });
  expect(withNamespace("/", "team-a")).toBe("/?namespace=team-a");
});

test.each([
  { kind: "start" }, { kind: "blank" }, { kind: "run", run: RUN }, { kind: "template", name: "mnist" }, { kind: "draft", key: "team-a/my net" },
] as const)("the address of the modeler leads back to $kind", (open) => {
  const { pathname, search } = new URL(modelerAddress(open, "team-a"), "http://studio");
  expect(routeOf(pathname, search)).toEqual({ page: "modeler", open });
});

test("parameters change in place", () => {
  navigate("/?namespace=team-a&state=Failed");
  setQuery({ state: null, filter: "a b" });
  expect(window.location.search).toBe("?namespace=team-a&filter=a+b");
});

test.each([
  ["?namespace=team-b", null, "team-b"],
  ["?namespace=*", null, "*"],
  ["?namespace=Not%20a%20name", null, null],
  ["", null, null],
  ["", ["team-a"], "team-a"],
  ["", ["team-a", "team-b"], "*"],
])("with the query %s and the namespaces %s the page shows %s", (search, namespaces, expected) => {
  expect(chosenNamespace({ page: "runs" }, search, namespaces)).toBe(expected);
});

test("the page of a run shows the run's namespace", () => {
  expect(chosenNamespace({ page: "run", run: RUN }, "", null)).toBe("team-a");
  expect(chosenNamespace({ page: "new-run", run: RUN, template: null }, "", null)).toBe("team-a");
  expect(chosenNamespace({ page: "compare", runs: [RUN] }, "", null)).toBe("team-a");
  expect(chosenNamespace({ page: "model", server: SERVER }, "", null)).toBe("team-a");
});

test.each([["", false], ["team-a", true], ["Team", false], ["-a", false], ["a".repeat(64), false]])("%s is a namespace: %s", (text, isValid) => {
  expect(namespaceProblem(text) === "").toBe(isValid);
});
