import { expect, test } from "vitest";
import { compareAddress, navigate, routeOf, runAddress, setQuery, withNamespace } from "./navigation";
import { chosenNamespace, namespaceProblem } from "./namespaces";

const RUN = { kind: "TrainingJob", namespace: "team-a", name: "mnist" } as const;

test.each([
  ["/", "", { page: "runs" }],
  ["/storage", "?namespace=team-a", { page: "storage" }],
  ["/new", "?template=mnist", { page: "new-run", run: null, template: "mnist" }],
  ["/new", "?run=TrainingJob/team-a/mnist", { page: "new-run", run: RUN, template: null }],
  ["/new", "?run=broken", { page: "new-run", run: null, template: null }],
  ["/runs/TrainingJob/team-a/mnist", "", { page: "run", run: RUN }],
  ["/runs/Pod/team-a/mnist", "", { page: "not-found" }],
  ["/runs/TrainingJob/team-a", "", { page: "not-found" }],
  ["/runs/TrainingJob/team-a/a/b", "", { page: "not-found" }],
  ["/runs/%E0%A4%A", "", { page: "not-found" }],
  ["/compare", "?run=TrainingJob/team-a/mnist&run=broken", { page: "compare", runs: [RUN] }],
])("%s%s", (pathname, search, route) => {
  expect(routeOf(pathname, search)).toEqual(route);
});

test("addresses lead back to their runs", () => {
  expect(routeOf(runAddress(RUN), "")).toEqual({ page: "run", run: RUN });
  const { pathname, search } = new URL(compareAddress([RUN], "*"), "http://studio");
  expect(routeOf(pathname, search)).toEqual({ page: "compare", runs: [RUN] });
  expect(withNamespace("/", "team-a")).toBe("/?namespace=team-a");
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
});

test.each([["", false], ["team-a", true], ["Team", false], ["-a", false], ["a".repeat(64), false]])("%s is a namespace: %s", (text, isValid) => {
  expect(namespaceProblem(text) === "").toBe(isValid);
});
