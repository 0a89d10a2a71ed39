import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { Header, shortUser } from "./Header";
import { RunsProvider } from "./stream/RunsProvider";
import { fakeRim } from "./testing/backEnd";

const SESSION = { user: "ada", expires: null, namespaces: ["team-a", "team-b"], isProxied: false, storageEndpoints: [] };

function show(namespace: string, changes: object = {}) {
  render(
    <RunsProvider namespace={namespace} isActive={false} rim={fakeRim().rim}>
      <Header session={{ ...SESSION, ...changes }} namespace={namespace} route={{ page: "storage" }} />
    </RunsProvider>,
  );
}

test.each([
  ["system:serviceaccount:team-a:ada", "team-a/ada"],
  ["ada@example.com", "ada@example.com"],
  ["system:serviceaccount:broken", "system:serviceaccount:broken"],
])("the user %s is shown as %s", (user, shown) => {
  expect(shortUser(user)).toBe(shown);
});

test("another namespace keeps the page, and stands in the address", async () => {
  show("team-a");
  await userEvent.setup().selectOptions(screen.getByLabelText("Namespace"), "team-b");
  expect(window.location.pathname + window.location.search).toBe("/storage?namespace=team-b");
});

test("a namespace of the address that the list lacks is shown", () => {
  show("team-c");
  expect(screen.getByLabelText<HTMLSelectElement>("Namespace").value).toBe("team-c");
});

test("behind a proxy there is no button for signing out", () => {
  show("team-a", { isProxied: true });
  expect(screen.queryByRole("button", { name: "Sign out" })).toBeNull();
});
