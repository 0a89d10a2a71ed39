import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { pageBackEnd, summary } from "../../testing/pageBackEnd";
import type { RunSummary } from "../../wire";
import ModelsPage from "./ModelsPage";

const SOURCE = { kind: "TrainingJob", namespace: "vision", name: "mnist" } as const;

function server(name: string, changes: Partial<RunSummary> = {}): RunSummary {
  const url = `http://${name}.vision.svc:8080`;
  const model = "s3://results/vision/mnist/u-1/best.onnx";
  return summary({ kind: "ModelServer", name, state: "Ready", server: { url, model, source: SOURCE, replicas: 3, readyReplicas: 2 }, ...changes });
}

const TRAINED = summary({ name: "mnist", state: "Complete", hasModel: true, best: { name: "val_loss", value: 0.25 } });

test("a server has its state, model, source and replicas, and leads to the page that tries it", async () => {
  pageBackEnd({}, [server("digits", { reason: "PodsNotReady: 1 of 3" }), TRAINED]).show(<ModelsPage namespace="vision" />);
  const card = within(await screen.findByRole("article", { name: "digits" }));
  for (const text of ["Ready", "PodsNotReady: 1 of 3", "best.onnx", "2 of 3 replicas"]) expect(card.getAllByText(text).length).toBeGreaterThan(0);
  expect(card.getByRole("link", { name: "mnist" }).getAttribute("href")).toBe("/runs/TrainingJob/vision/mnist");
  await userEvent.click(card.getByRole("link", { name: "Try digits" }));
  expect(window.location.pathname).toBe("/models/vision/digits");
});

test("an ended run is deployed, and the page of its server follows", async () => {
  const answers = { "POST /api/runs/TrainingJob/vision/mnist/deployment": { kind: "ModelServer", namespace: "vision", name: "digits" } };
  pageBackEnd(answers, [TRAINED, summary({ name: "running", hasModel: true })]).show(<ModelsPage namespace="vision" />);
  expect(await screen.findByText("No model is served yet. Deploy one of those below.")).toBeTruthy();
  expect(screen.queryByText("running")).toBeNull();
  await userEvent.click(screen.getByRole("button", { name: "Deploy mnist" }));
  const name = within(screen.getByRole("dialog")).getByLabelText("Name of the ModelServer");
  await userEvent.clear(name);
  await userEvent.type(name, "digits{Enter}");
  await waitFor(() => expect(window.location.pathname).toBe("/models/vision/digits"));
});

test("the filter holds for servers and models", async () => {
  pageBackEnd({}, [server("digits"), server("flowers", { server: null }), TRAINED]).show(<ModelsPage namespace="vision" />);
  await userEvent.type(await screen.findByRole("searchbox"), "mnist");
  expect(screen.queryByRole("article", { name: "flowers" })).toBeNull();
  expect(screen.getByRole("article", { name: "digits" })).toBeTruthy();
  await userEvent.type(screen.getByRole("searchbox"), "x");
  expect(screen.getByText("No server passes the filter.")).toBeTruthy();
  expect(screen.getByText("No run passes the filter.")).toBeTruthy();
});

test.each([
  [[], "Connect a storage for your data", [["Connect a storage", "/storage"], ["New run", "/new"], ["Draw a network", "/modeler"]]],
  [[summary()], "A run has a model when it is Complete.", [["Show the runs", "/"]]],
])("without a model the page shows the way to one (%#)", async (runs, text, ways) => {
  pageBackEnd({}, runs).show(<ModelsPage namespace="vision" />);
  expect(await screen.findByRole("heading", { name: "No models yet in vision" })).toBeTruthy();
  expect(screen.getByText(text, { exact: false })).toBeTruthy();
  const links = screen.getAllByRole("link").map((link) => [link.textContent, link.getAttribute("href")]);
  expect(links).toEqual(ways.map(([name, path]) => [name, `${path}?namespace=vision`]));
});

test("trials appear when they are wanted", async () => {
  const trial = summary({ name: "search-0", state: "Complete", hasModel: true, experiment: "search" });
  pageBackEnd({}, [trial]).show(<ModelsPage namespace="vision" />);
  expect(await screen.findByText("Only trials of Experiments have a model yet.")).toBeTruthy();
  await userEvent.click(screen.getByLabelText("Trials of Experiments"));
  expect(screen.getByRole("button", { name: "Deploy search-0" })).toBeTruthy();
  expect(screen.getByText("a trial of search")).toBeTruthy();
});

test("many models have pages", async () => {
  const runs = Array.from({ length: 45 }, (_, index) => summary({ name: `run-${index}`, state: "Complete", hasModel: true }));
  pageBackEnd({}, runs).show(<ModelsPage namespace="vision" />);
  expect(await screen.findByText("Models 1 to 20 of 45")).toBeTruthy();
  await userEvent.click(screen.getByRole("button", { name: "Next" }));
  expect(screen.getByText("Models 21 to 40 of 45")).toBeTruthy();
  expect(screen.getAllByRole("button", { name: /^Deploy/u })).toHaveLength(20);
});
