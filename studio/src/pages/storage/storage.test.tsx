import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { fakeFetch, Refused } from "../../testing/backEnd";
import type { Session, Storage } from "../../wire";
import { fieldOf, findErrors, toRequest, type Values } from "./fields";
import StoragePage from "./StoragePage";

const SESSION: Session = { user: "ada", expires: null, namespaces: ["team-a", "team-b"], isProxied: false, storageEndpoints: [] };
const STORAGE: Storage = { secrets: [], endpoints: ["http://minio:9000"], defaultEndpoint: "http://minio:9000", buckets: null, created: [] };
const VALUES: Values = {
  endpoint: "http://minio:9000", secret: "keys", accessKey: " ada ", secretKey: "secret", sessionToken: "", region: "us-east-1",
  caConfigMap: "", createsBuckets: true, dataBucket: "team-data", resultsBucket: "team-data",
};

test("valid values become a request without spaces and without equal buckets", () => {
  expect(findErrors(VALUES)).toEqual({});
  expect(toRequest("team-a", VALUES)).toEqual({
    namespace: "team-a", secret: "keys", endpoint: "http://minio:9000", accessKey: "ada", secretKey: "secret", region: "us-east-1",
    createBuckets: ["team-data"],
  });
});

test("each broken value has its error", () => {
  const broken = { ...VALUES, secret: "No", endpoint: " ", accessKey: "", secretKey: "k".repeat(2_000), dataBucket: "A", resultsBucket: "", caConfigMap: "-" };
  expect(Object.keys(findErrors(broken)).sort()).toEqual(["accessKey", "caConfigMap", "dataBucket", "endpoint", "resultsBucket", "secret", "secretKey"]);
  expect(findErrors({ ...broken, createsBuckets: false })).not.toHaveProperty("dataBucket");
});

test.each([
  ["NameConflict", "There is a Secret", "secret"],
  ["EndpointNotAllowed", "Studio does not connect", "endpoint"],
  ["CredentialsRefused", "The storage refuses", "accessKey"],
  ["Invalid", "caConfigMap: its key", "caConfigMap"],
  ["Forbidden", "You may not create Secrets", undefined],
])("the refusal %s (%s) stands at the field %s", (reason, message, field) => {
  expect(fieldOf({ reason, message })).toBe(field);
});

test("an incomplete form sends nothing, and focuses its first error", async () => {
  const sent = fakeFetch({ "GET /api/storage": STORAGE });
  render(<StoragePage namespace="team-a" session={SESSION} />);
  await userEvent.setup().click(await screen.findByRole("button", { name: "Connect" }));
  expect(screen.getAllByRole("alert").map((error) => error.textContent)).toEqual(["Paste the access key of the storage.", "Paste the secret key of the storage."]);
  expect(document.activeElement).toBe(screen.getByLabelText("Access key"));
  expect(sent).toHaveLength(1);
});

test("refused keys are told at their field, and working keys show the buckets", async () => {
  const refusal = new Refused(403, { reason: "CredentialsRefused", message: "The storage refuses the keys.", remedy: "Check them.", current: null });
  const answers: Record<string, unknown> = { "GET /api/storage": STORAGE, "POST /api/storage": refusal };
  fakeFetch(answers);
  const user = userEvent.setup();
  render(<StoragePage namespace="team-a" session={SESSION} />);
  await user.type(await screen.findByLabelText("Access key"), "ada");
  await user.type(screen.getByLabelText("Secret key"), "secret");
  await user.click(screen.getByRole("button", { name: "Connect" }));
  expect((await screen.findByRole("alert")).textContent).toBe("The storage refuses the keys. Check them.");
  expect(screen.getByLabelText("Access key").getAttribute("aria-invalid")).toBe("true");

  answers["POST /api/storage"] = { ...STORAGE, buckets: ["mnist-data"], created: [] };
  await user.click(screen.getByRole("button", { name: "Connect" }));
  expect(await screen.findByText("mnist-data")).toBeTruthy();
  expect(document.activeElement?.textContent).toContain("The storage is connected");
});

test("without a namespace the page asks for one", () => {
  render(<StoragePage namespace="*" session={SESSION} />);
  expect(screen.getByRole("button", { name: "team-b" })).toBeTruthy();
});
