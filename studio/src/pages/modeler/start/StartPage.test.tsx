import { act, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test } from "vitest";
import { loadSession } from "../../../api/session";
import { DraftStore } from "../../../modeler/drafts";
import { pageBackEnd, refusal, summary } from "../../../testing/pageBackEnd";
import type { RunSummary } from "../../../wire";
import StartPage from "./StartPage";

const TEMPLATES = { templates: [{ name: "digits", title: "Digits", description: "Trains in seconds", yaml: "kind: TrainingJob\n" }] };

beforeEach(() => window.localStorage.clear());

function show({ runs = [], templates = TEMPLATES }: { runs?: RunSummary[]; templates?: unknown } = {}): void {
  pageBackEnd({ "GET /api/templates": templates }, runs).show(<StartPage namespace="vision" drafts={new DraftStore("ada")} />);
}

test("an empty namespace offers an empty network and the templates alone", async () => {
  show();
  expect((await screen.findByRole("link", { name: /^Digits/u })).getAttribute("href")).toBe("/modeler?template=digits&namespace=vision");
  expect(screen.getByRole("link", { name: /^Empty network/u })).toBeTruthy();
  expect(screen.getAllByRole("heading", { level: 2 }).map((each) => each.textContent)).toEqual(["New network"]);
});

test("the description of a template shows Markdown's backticks as code", async () => {
  show({ templates: { templates: [{ ...TEMPLATES.templates[0], description: "`make demo` fills its bucket." }] } });
  expect((await screen.findByText("make demo")).tagName).toBe("CODE");
});

test("templates that do not load leave the rest of the page", async () => {
  show({ templates: refusal(503, "Unavailable", "The templates cannot be read.", "Try again.") });
  expect(await screen.findByText("The templates cannot be read.")).toBeTruthy();
  expect(screen.getByRole("link", { name: /^Empty network/u })).toBeTruthy();
});

test("after a new sign-in the templates are there without the end of the last session", async () => {
  const session = { user: "ada", expires: null, namespaces: ["vision"], isProxied: false, storageEndpoints: [] };
  const backEnd = pageBackEnd({ "GET /api/session": session, "GET /api/templates": refusal(401, "Expired", "The token has expired.") });
  await act(loadSession);
  backEnd.show(<StartPage namespace="vision" drafts={new DraftStore("ada")} />);
  await waitFor(() => expect(backEnd.paths()).toContain("/api/templates"));
  backEnd.answers["GET /api/templates"] = TEMPLATES;
  await act(loadSession);
  expect(await screen.findByRole("link", { name: /^Digits/u })).toBeTruthy();
  expect(screen.queryByText("The token has expired.")).toBeNull();
});

test("drafts are listed, newest first, and can be deleted", async () => {
  const old = new DraftStore("ada", window.localStorage, () => new Date("2026-01-01"));
  old.save({ namespace: "vision", name: "older", text: "a", resourceVersion: null });
  new DraftStore("ada").save({ namespace: "vision", name: "TrainingJob/digits", text: "b", resourceVersion: "1" });
  show();
  const links = () => screen.queryAllByRole("link").map((each) => each.textContent).filter((text) => text === "older" || text === "digits");
  expect(links()).toEqual(["digits", "older"]);
  expect(screen.getByText("vision, changes that are not saved")).toBeTruthy();
  const answer = async (name: string) => {
    await userEvent.click(screen.getByRole("button", { name: "Delete the draft older" }));
    await userEvent.click(within(screen.getByRole("dialog", { name: "Delete the draft older?", hidden: true })).getByRole("button", { name, hidden: true }));
    expect(screen.queryByRole("dialog", { hidden: true })).toBeNull();
  };
  await answer("Cancel");
  expect(links()).toEqual(["digits", "older"]);
  await answer("Delete");
  await waitFor(() => expect(links()).toEqual(["digits"]));
  expect(new DraftStore("ada").list().map(({ name }) => name)).toEqual(["TrainingJob/digits"]);
});

test("stored runs are filtered by name; trials and servers are not listed", async () => {
  const runs = [summary({ name: "digits" }), summary({ name: "flowers" }), summary({ name: "digits-trial", experiment: "search" }), summary({ name: "digits-server", kind: "ModelServer" })];
  show({ runs });
  expect(await screen.findByRole("link", { name: "flowers" })).toBeTruthy();
  await userEvent.type(screen.getByRole("searchbox", { name: "Filter runs by name" }), "DIG");
  expect(screen.queryAllByRole("link", { name: /^(digits|flowers)/u }).map((each) => each.textContent)).toEqual(["digits"]);
  await userEvent.type(screen.getByRole("searchbox", { name: "Filter runs by name" }), "z");
  expect(screen.getByText("No run has this name.")).toBeTruthy();
});
