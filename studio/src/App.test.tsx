import { act, render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";
import { App } from "./App";
import { loadSession } from "./api/session";
import { setQuery } from "./navigation";
import { tokenProblem } from "./pages/sign-in/SignInPage";
import { fakeFetch, FakeChannel, Refused } from "./testing/backEnd";

const SESSION = { user: "ada", expires: null, namespaces: ["team-a"], isProxied: false, storageEndpoints: [] };
const STORAGE = { secrets: [], endpoints: [], defaultEndpoint: "", buckets: null, created: [] };
const SIGNED_OUT = new Refused(401, { reason: "NoToken", message: "You are not signed in.", remedy: "", current: null });

beforeEach(() => {
  vi.stubGlobal("EventSource", FakeChannel);
});

async function opened(answers: Record<string, unknown>) {
  const sent = fakeFetch(answers);
  await loadSession();
  render(<App />);
  return { sent, user: userEvent.setup() };
}

test("a token signs in", async () => {
  const { user, sent } = await opened({ "GET /api/session": SIGNED_OUT, "POST /api/session": SESSION });
  const field = screen.getByLabelText("Token of Kubernetes");
  expect(field.getAttribute("type")).toBe("password");
  await user.type(field, " abc.def ");
  await user.click(screen.getByRole("button", { name: "Sign in" }));
  expect(await screen.findByText("ada")).toBeTruthy();
  expect(sent.find(({ method }) => method === "POST")?.body).toEqual({ token: "abc.def" });
});

test("a refused token shows cause and remedy", async () => {
  const expired = new Refused(401, { reason: "Expired", message: "The token has expired.", remedy: "Create another one.", current: null });
  const answers: Record<string, unknown> = { "GET /api/session": SIGNED_OUT, "POST /api/session": expired, "DELETE /api/session": undefined };
  const { user } = await opened(answers);
  const signOut = screen.queryByRole("button", { name: "Sign out" });
  if (signOut) await user.click(signOut);
  await user.type(await screen.findByLabelText("Token of Kubernetes"), "abc");
  await user.click(screen.getByRole("button", { name: "Sign in" }));
  expect(await screen.findByText("Create another one.")).toBeTruthy();
});

test("an expired session keeps the drafts of the page", async () => {
  window.history.replaceState(null, "", "/storage?namespace=team-a");
  const answers: Record<string, unknown> = { "GET /api/session": SESSION, "GET /api/storage": STORAGE, "POST /api/storage": SIGNED_OUT, "POST /api/session": SESSION };
  const { user } = await opened(answers);
  await user.type(await screen.findByLabelText("Access key"), "draft");
  await user.type(screen.getByLabelText("Secret key"), "secret");
  await user.type(screen.getByLabelText("Endpoint"), "http://minio:9000");
  await user.click(screen.getByRole("button", { name: "Connect" }));
  expect(await screen.findByText("Sign in again")).toBeTruthy();
  await user.type(screen.getByLabelText("Token of Kubernetes"), "abc");
  await user.click(screen.getByRole("button", { name: "Sign in" }));
  await waitFor(() => expect(screen.queryByText("Sign in again")).toBeNull());
  expect(screen.getByLabelText<HTMLInputElement>("Access key").value).toBe("draft");
});

test("the storages are requested again after an expired session", async () => {
  window.history.replaceState(null, "", "/storage?namespace=team-a");
  const answers: Record<string, unknown> = { "GET /api/session": SESSION, "GET /api/storage": SIGNED_OUT, "POST /api/session": SESSION };
  const { user } = await opened(answers);
  const field = await screen.findByLabelText("Token of Kubernetes");
  answers["GET /api/storage"] = STORAGE;
  await user.type(field, "abc");
  await user.click(screen.getByRole("button", { name: "Sign in" }));
  expect(await screen.findByLabelText("Access key")).toBeTruthy();
});

test("the content has the focus after the link that opened another query has gone, and an unknown address a way out", async () => {
  window.history.replaceState(null, "", "/nowhere?namespace=team-a");
  await opened({ "GET /api/session": SESSION });
  expect(await screen.findByRole("heading", { name: "Page not found" })).toBeTruthy();
  expect(document.title).toBe("Page not found · Studio");
  const way = screen.getByRole("link", { name: "Show the runs" });
  expect(way.getAttribute("href")).toBe("/?namespace=team-a");
  way.focus();
  act(() => setQuery({ draft: "a" }));
  expect(document.activeElement).toBe(way);
  way.blur();
  act(() => setQuery({ draft: "b" }));
  expect(document.activeElement).toBe(screen.getByRole("main"));
});

test("the content has the focus after the form that chose the namespace has gone", async () => {
  window.history.replaceState(null, "", "/storage");
  const answers = { "GET /api/session": { ...SESSION, namespaces: ["team-a", "team-b"] }, "GET /api/storage": STORAGE };
  const { user } = await opened(answers);
  const content = await screen.findByRole("main");
  expect(document.activeElement).not.toBe(content);
  await user.click(await screen.findByRole("button", { name: "team-b" }));
  expect(await screen.findByLabelText("Access key")).toBeTruthy();
  expect(document.activeElement).toBe(content);
});

test.each([
  ["an empty text", "", "NoToken"],
  ["a long text", "a".repeat(20_000), "LongToken"],
  ["a kubeconfig", "apiVersion: v1", "NotAToken"],
  ["a text with umlauts", "tökén", "NotAToken"],
  ["a token", "abc.def-ghi_jkl", undefined],
])("%s is checked before it is sent", (_, token, reason) => {
  expect(tokenProblem(token)?.reason).toBe(reason);
});
