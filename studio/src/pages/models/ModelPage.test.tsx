import { act, fireEvent, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";
import { ServerKeys } from "../../parts/ServerKeys";
import { classes, makeModel, tensor } from "../../testing/models";
import { pageBackEnd, refusal, summary } from "../../testing/pageBackEnd";
import type { PageModel } from "server-page/model";
import type { ServedModel, Usage } from "../../wire";
import ModelPage from "./ModelPage";

const SERVER = { kind: "ModelServer", namespace: "vision", name: "digits" } as const;
const PATH = "/api/servers/vision/digits";
const USAGE: Usage = { requests: 1234, refused: 5, pods: 2, problem: null, classes: [{ output: "answer", name: "yes", count: 30 }, { output: "answer", name: "no", count: 10 }] };
const DIGIT = { images: "Digit", inputs: [tensor("image", [28, 28, 1], "uint8")], outputs: [classes("digit", ["zero", "one"])] } as const;
const ANSWER = { model_name: "digits", outputs: [{ name: "answer", datatype: "FP32", shape: [1, 2], data: [0.1, 0.9] }] };
const KEY_REQUIRED = refusal(403, "KeyRequired", "ModelServer digits asks for a key.", "Type a key.");

function served(model: PageModel | null, changes: Partial<ServedModel> = {}): ServedModel {
  return { server: SERVER, isReady: true, state: "Ready", needsKey: false, page: model && { ...model }, problem: null, ...changes };
}

function open(answers: Record<string, unknown>) {
  const url = "http://digits.vision.svc:8080";
  const live = summary({ kind: "ModelServer", name: "digits", state: "Ready", server: { url, model: "", source: null, replicas: 1, readyReplicas: 1 } });
  const server = pageBackEnd({ [`GET ${PATH}/usage`]: USAGE, ...answers }, [live]);
  const inner = globalThis.fetch;
  const keys: Record<string, string | undefined> = {};
  vi.stubGlobal("fetch", (path: string, init: RequestInit) => {
    keys[`${init.method} ${path}`] = (init.headers as Record<string, string>)["x-api-key"];
    return inner(path, init);
  });
  server.show(
    <ServerKeys>
      <ModelPage server={SERVER} />
    </ServerKeys>,
  );
  return { ...server, keys };
}

beforeEach(() => {
  // happy-dom draws nothing.
  const context = new Proxy({}, { get: () => () => undefined, set: () => true });
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue(context as CanvasRenderingContext2D);
  vi.spyOn(HTMLCanvasElement.prototype, "toBlob").mockImplementation((done) => done(new Blob(["png"], { type: "image/png" })));
});

test("a request in JSON has its answer with bars, for eyes and ears, and the figures are read again", async () => {
  const { paths } = open({ [`GET ${PATH}`]: served(makeModel()), [`POST ${PATH}/predict`]: ANSWER });
  await userEvent.click(await screen.findByRole("button", { name: "Ask" }));
  expect(await screen.findByText("Answered: yes, 90 %")).toBeTruthy();
  const answer = screen.getByRole("region", { name: "Answer" });
  expect(within(answer).getAllByRole("listitem").map((item) => item.textContent)).toEqual(["yes90 %", "no10 %"]);
  await waitFor(() => expect(paths().filter((path) => path.endsWith("/usage")).length).toBeGreaterThan(1));
});

test("a broken request is not sent, and a refusal of the server is shown", async () => {
  const server = open({ [`GET ${PATH}`]: served(makeModel()), [`POST ${PATH}/predict`]: refusal(400, "Invalid", 'expected "features".', "Correct it.") });
  const request = await screen.findByLabelText<HTMLTextAreaElement>("In JSON");
  fireEvent.input(request, { target: { value: "{" } });
  await userEvent.click(screen.getByRole("button", { name: "Ask" }));
  expect((await screen.findAllByText(/The request is no JSON/u)).length).toBeGreaterThan(0);
  expect(server.paths().some((path) => path.includes("predict"))).toBe(false);
  fireEvent.input(request, { target: { value: "{}" } });
  await userEvent.type(request, "{Control>}{Enter}{/Control}");
  expect((await screen.findAllByText('expected "features". Correct it.')).length).toBeGreaterThan(0);
});

test("a table becomes a request, and names what it cannot be", async () => {
  const sent: unknown[] = [];
  const answer = { outputs: [{ name: "answer", datatype: "FP32", shape: [4, 2], data: [1, 0, 0, 1, 1, 0, 0, 1] }] };
  open({ [`GET ${PATH}`]: served(makeModel()), [`POST ${PATH}/predict`]: (body: unknown) => { sent.push(body); return answer; } });
  const table = await screen.findByLabelText("Rows of a table");
  await userEvent.click(table);
  await userEvent.paste("1,2");
  await userEvent.click(screen.getByRole("button", { name: "Ask about the table" }));
  expect(screen.getByRole("alert").textContent).toContain("the model takes 3");
  await userEvent.clear(table);
  await userEvent.paste("a\tb\tc\n1\t2\t3\n4\t5\t6\n7\t8\t9\n1\t2\t3");
  await userEvent.click(screen.getByRole("button", { name: "Ask about the table" }));
  expect(await screen.findByRole("columnheader", { name: "yes" })).toBeTruthy();
  expect(sent).toEqual([{ inputs: [{ name: "features", datatype: "FP32", shape: [4, 3], data: [1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3] }] }]);
  expect(screen.getByText("4 rows of the table")).toBeTruthy();
  expect(screen.getByText("The columns are taken in the order of the model: 3 values of features.")).toBeTruthy();
  expect(screen.queryByRole("alert")).toBeNull();
});

test("a CSV file is opened and asked", async () => {
  const sent: unknown[] = [];
  open({ [`GET ${PATH}`]: served(makeModel()), [`POST ${PATH}/predict`]: (body: unknown) => { sent.push(body); return ANSWER; } });
  await userEvent.upload(await screen.findByLabelText("Open a CSV file"), new File(["1,2,3"], "one.csv", { type: "text/csv" }));
  await waitFor(() => expect(sent).toHaveLength(1));
  expect(screen.getByLabelText<HTMLTextAreaElement>("Rows of a table").value).toBe("1,2,3");
});

test("each named column of a table has a field", async () => {
  const example = { inputs: [{ name: "features", datatype: "FP32", shape: [1, 3], data: [1, 2, 3] }] };
  open({ [`GET ${PATH}`]: served(makeModel({ features: ["sepal", "petal", "stem"], example })) });
  const field = await screen.findByLabelText<HTMLTextAreaElement>("petal");
  expect(field.value).toBe("2");
  await userEvent.clear(field);
  await userEvent.type(field, "4.5");
  const request = screen.getByLabelText<HTMLTextAreaElement>("In JSON");
  expect(JSON.parse(request.value)).toMatchObject({ inputs: [{ shape: [1, 3], data: [1, 4.5, 3] }] });
  await userEvent.type(field, ", 5");
  expect(field.ariaInvalid).toBe("true");
});

test("each of several inputs has a field", async () => {
  const model = makeModel({ inputs: [tensor("features", [3]), tensor("note", [1], "str")] });
  open({ [`GET ${PATH}`]: served(model) });
  const note = await screen.findByLabelText("note");
  fireEvent.input(note, { target: { value: 'of "a"' } });
  const request = JSON.parse(screen.getByLabelText<HTMLTextAreaElement>("In JSON").value) as { inputs: { data: unknown }[] };
  expect(request.inputs[1]?.data).toEqual(['of "a"']);
});

test("photographs have their answers, and the picture that the network received", async () => {
  const image = "data:image/png;base64,AAAA";
  const top = [{ class: 1, name: "one", probability: 0.97 }];
  const { paths } = open({ [`GET ${PATH}`]: served(makeModel(DIGIT)), [`POST ${PATH}/predict`]: { ...top[0], top, image } });
  const files = ["one.jpg", "<b>two.png"].map((name) => new File(["x"], name, { type: "image/jpeg" }));
  await userEvent.upload(await screen.findByLabelText("Choose photographs"), files);
  await waitFor(() => expect(screen.getAllByAltText("The picture that the network saw")).toHaveLength(2));
  expect(screen.getByRole("heading", { name: "<b>two.png" })).toBeTruthy();
  expect(screen.getByText("one.jpg: one, 97 %. <b>two.png: one, 97 %").getAttribute("role")).toBe("status");
  expect(paths().filter((path) => path === `${PATH}/predict?show=true`)).toHaveLength(2);
});

test("a photograph above the limit of the server is not sent", async () => {
  const { paths } = open({ [`GET ${PATH}`]: served(makeModel({ ...DIGIT, limits: { request_bytes: 4 } })) });
  await userEvent.upload(await screen.findByLabelText("Choose photographs"), new File(["12345"], "large.png", { type: "image/png" }));
  expect((await screen.findAllByText(/the model takes 4 bytes/u)).length).toBeGreaterThan(0);
  expect(paths().some((path) => path.includes("predict"))).toBe(false);
});

test("a digit is drawn by keys alone, and several are asked for", async () => {
  const predictions = [0, 1].map((index) => ({ class: index, name: `${index}`, probability: 0.9, top: [{ class: index, name: `${index}`, probability: 0.9 }] }));
  const { paths } = open({ [`GET ${PATH}`]: served(makeModel(DIGIT)), [`POST ${PATH}/predict`]: { predictions } });
  const pad = await screen.findByRole("application", { name: "Drawing pad" });
  const undo = screen.getByRole<HTMLButtonElement>("button", { name: "Undo" });
  await userEvent.click(screen.getByLabelText("Several digits on one sheet"));
  expect(undo.disabled).toBe(true);
  for (const key of [" ", "ArrowDown", "ArrowDown"]) fireEvent.keyDown(pad, { key });
  expect(screen.getByText("Pen down").getAttribute("role")).toBe("status");
  fireEvent.keyDown(pad, { key: " " });
  expect(undo.disabled).toBe(false);
  expect(await screen.findByText("0, 90 %; 1, 90 %")).toBeTruthy();
  expect(paths()).toContain(`${PATH}/predict?show=true&several=true`);
  await userEvent.click(undo);
  expect(await screen.findByText("The pad is empty.")).toBeTruthy();
});

test("a server with a key asks for it, and the key goes with each request", async () => {
  const problem = KEY_REQUIRED.problem;
  const server = open({ [`GET ${PATH}`]: served(null, { needsKey: true, problem }), [`POST ${PATH}/predict`]: ANSWER });
  const field = await screen.findByLabelText("Key of the server");
  expect(field.getAttribute("type")).toBe("password");
  expect(document.activeElement).toBe(field);
  expect(screen.getByText(problem.message)).toBeTruthy();
  server.answers[`GET ${PATH}`] = served(makeModel());
  await userEvent.type(field, "a key{Enter}");
  await userEvent.click(await screen.findByRole("button", { name: "Ask" }));
  await screen.findByText("Answered: yes, 90 %");
  expect(screen.queryByLabelText("Key of the server")).toBeNull();
  expect(server.keys).toMatchObject({ [`GET ${PATH}`]: "a key", [`POST ${PATH}/predict`]: "a key" });
  expect(screen.getByRole("group", { name: "Command" }).textContent).toContain('-H "X-API-Key: $KEY"');
  expect([localStorage.length, sessionStorage.length, document.cookie]).toEqual([0, 0, ""]);
});

test("a request that was refused for its key is sent again with the next key", async () => {
  const server = open({ [`GET ${PATH}`]: served(makeModel()), [`POST ${PATH}/predict`]: KEY_REQUIRED });
  await userEvent.click(await screen.findByRole("button", { name: "Ask" }));
  const field = await screen.findByLabelText("Key of the server");
  server.answers[`POST ${PATH}/predict`] = ANSWER;
  await userEvent.type(field, "another{Enter}");
  expect(await screen.findByText("Answered: yes, 90 %")).toBeTruthy();
});

test("a server that does not answer shows why, and its model as soon as it is ready", async () => {
  const problem = { reason: "NotReady", message: "No pod answers.", remedy: "Wait.", current: null };
  const server = open({ [`GET ${PATH}`]: served(null, { isReady: false, problem }) });
  expect(await screen.findByText(/No pod answers\./u)).toBeTruthy();
  expect(screen.queryByRole("button", { name: "Ask" })).toBeNull();
  server.answers[`GET ${PATH}`] = served(makeModel());
  await act(() => new Promise((resolve) => setTimeout(resolve, 200)));
  act(() => server.update({ isFirst: false, isComplete: false, changed: [summary({ kind: "ModelServer", name: "digits", state: "Ready", resourceVersion: "2" })], removed: [] }));
  expect(await screen.findByRole("button", { name: "Ask" })).toBeTruthy();
  await waitFor(() => expect(screen.queryByText(/No pod answers\./u)).toBeNull());
});

test("a server that does not exist, and one of another version, have their cause", async () => {
  const server = open({ [`GET ${PATH}`]: refusal(404, "NotFound", "digits does not exist.", "Show the list.") });
  expect(await screen.findByText(/digits does not exist/u)).toBeTruthy();
  server.answers[`GET ${PATH}`] = served({ ...makeModel(), images: "Video" } as unknown as PageModel);
  await userEvent.click(screen.getByRole("button", { name: "Try again" }));
  expect(await screen.findByText("The server describes its model in another form.")).toBeTruthy();
});

test("a deleted server says so, and its page stays", async () => {
  const server = open({ [`GET ${PATH}`]: served(makeModel()) });
  await screen.findByRole("button", { name: "Ask" });
  await waitFor(() => expect(server.paths().filter((path) => path === PATH).length).toBeGreaterThan(1));
  server.answers[`GET ${PATH}`] = refusal(404, "NotFound", "digits does not exist.");
  act(() => server.update({ isFirst: false, isComplete: false, changed: [], removed: [SERVER] }));
  expect(await screen.findByText(/This server was deleted\./u)).toBeTruthy();
  expect(screen.getByRole("button", { name: "Ask" })).toBeTruthy();
});

test("the requests by class are a table, with the facts about the model below", async () => {
  open({ [`GET ${PATH}`]: served(makeModel()) });
  const rows = await screen.findAllByRole("row");
  expect(rows.slice(-2).map((row) => row.textContent)).toEqual(["yes3075.0 %", "no1025.0 %"]);
  expect(screen.getByText("1,234")).toBeTruthy();
  expect(screen.getByText("float32 (n, 3)")).toBeTruthy();
  expect(screen.getByRole("group", { name: "Command" }).textContent).toContain("'http://digits.vision.svc:8080/v2/models/digits/infer'");
});
