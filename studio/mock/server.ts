// A back end for development: `npm run dev` answers the requests of the pages from memory, and `npx vite preview` does
// the same for the built pages, with the Content-Security-Policy of the real back end. It is no part of the build.
//
// Sign in with any token. The token `expired` is refused, and `narrow` signs in a user who may not list namespaces.
// MOCK_RUNS=1000 and MOCK_RATE=50 set the number of runs and the updates a second.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Plugin, ViteDevServer } from "vite";
import type { Problem, RunDetail, RunSummary, Session, Storage } from "../src/wire";
import { dataRoute, serveUpload } from "./data.ts";
import { detailOf } from "./detail.ts";
import { modelerRoute, withSaved } from "./modeler.ts";
import { comparisonOf, dataOf, evaluationOf, filesOf, historyOf, picture, resultsProblem, trialsOf, writeLog } from "./results.ts";
import { advance, makeRuns } from "./runs.ts";
import { serveModel } from "./served.ts";

const POLICY = [
  "default-src 'none'", "script-src 'self'", "worker-src 'self'", "style-src 'self'", "img-src 'self' data: blob:", "connect-src 'self'",
  "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
  "require-trusted-types-for 'script'", "trusted-types studio-worker",
].join("; ");
const MAX_BODY = 256 * 1024;

const NAMESPACES = ["default", "team-a", "team-b"];
const runs = new Map<string, RunSummary>(
  makeRuns(Number(process.env["MOCK_RUNS"] ?? 60), NAMESPACES).map((run) => [`${run.kind}/${run.namespace}/${run.name}`, run]),
);
const RATE = Number(process.env["MOCK_RATE"] ?? 4);
let session: Session | undefined = process.env["MOCK_SIGNED_OUT"] ? undefined : sessionOf("any");

function sessionOf(token: string): Session {
  return {
    user: "system:serviceaccount:team-a:ada",
    expires: new Date(Date.now() + 8 * 3_600_000).toISOString(),
    namespaces: token === "narrow" ? null : NAMESPACES,
    isProxied: false,
    storageEndpoints: ["http://minio.epochal-system:9000", "https://s3.example.com"],
  };
}

class Refusal extends Error {
  readonly status: number;
  readonly problem: Problem;

  constructor(status: number, reason: string, message: string, remedy: string, current: Problem["current"] = null) {
    super(message);
    this.status = status;
    this.problem = { reason, message, remedy, current };
  }
}

export function mockBackEnd(): Plugin {
  function install({ middlewares }: Pick<ViteDevServer, "middlewares">): void {
    middlewares.use("/api", (request, response) => void serve(request, response));
  }
  return {
    name: "mock-back-end",
    configureServer: install,
    configurePreviewServer(server) {
      server.middlewares.use((_request, response, next) => {
        response.setHeader("content-security-policy", POLICY);
        next();
      });
      install(server);
    },
  };
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const url = new URL(request.url ?? "/", "http://mock");
    if (url.pathname === "/stream") {
      stream(url.searchParams.get("namespace") ?? "*", request, response);
      return;
    }
    if (request.method === "GET" && serveResult(url, response)) return;
    if (session && url.pathname.startsWith("/servers/")) {
      const parts = url.pathname.split("/").slice(2).map(decodeURIComponent);
      await serveModel(parts, request, response, (key) => runs.get(key));
      return;
    }
    if (session && (await serveUpload(url, request, response))) return;
    const answer = route(request.method ?? "GET", url, await body(request));
    response.writeHead(answer === undefined ? 204 : 200, { "content-type": "application/json" });
    response.end(answer === undefined ? undefined : JSON.stringify(answer));
  } catch (error) {
    const { status, problem } =
      error instanceof Refusal ? error : new Refusal(500, "Internal", String(error), "Look at the mock back end.");
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(problem));
  }
}

/** Answers with a result that is no JSON; returns whether the address names one. */
function serveResult(url: URL, response: ServerResponse): boolean {
  const parts = url.pathname.split("/").filter(Boolean).map(decodeURIComponent);
  const run = session && parts[0] === "runs" ? runs.get(parts.slice(1, 4).join("/")) : undefined;
  if (!run) return false;
  if (parts[4] === "log") {
    writeLog(run, url.searchParams.has("follow"), response);
  } else if (parts[4] === "pictures" && !resultsProblem(run)) {
    response.writeHead(200, { "content-type": "image/png" }).end(picture());
  } else if (parts[4] === "files" && parts[5]) {
    response.writeHead(200, { "content-type": "application/octet-stream", "content-disposition": "attachment" }).end("content");
  } else {
    return false;
  }
  return true;
}

async function body(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = "";
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > MAX_BODY) throw new Refusal(413, "TooLarge", "The body is too large.", "Send less.");
  }
  return text ? (JSON.parse(text) as Record<string, unknown>) : {};
}

function route(method: string, url: URL, sent: Record<string, unknown>): unknown {
  const parts = url.pathname.split("/").filter(Boolean).map(decodeURIComponent);
  if (parts[0] === "session") return sessionRoute(method, sent);
  if (!session) throw new Refusal(401, "NoToken", "You are not signed in.", "Sign in with a token.");
  if (parts[0] === "runs") return runRoute(method, parts.slice(1), sent);
  if (parts[0] === "compare") return compareRoute(url.searchParams.getAll("run"));
  if (parts[0] === "storage") return storageRoute(method, sent);
  const data = dataRoute(parts, url.searchParams, session.namespaces);
  if (data !== undefined) return data;
  const refuse = (...problem: ConstructorParameters<typeof Refusal>) => new Refusal(...problem);
  const modeled = modelerRoute(method, parts, sent, { runs, announce: (run) => changed.add(run), refuse });
  if (modeled !== undefined) return modeled;
  throw new Refusal(404, "NotFound", `The mock back end has no ${url.pathname}.`, "Use the real one.");
}

function sessionRoute(method: string, sent: Record<string, unknown>): Session | undefined {
  if (method === "POST") {
    if (sent["token"] === "expired") {
      throw new Refusal(401, "Expired", "The token has expired.", "Create a new token: kubectl create token NAME.");
    }
    session = sessionOf(String(sent["token"]));
  } else if (method === "DELETE") {
    session = undefined;
    return undefined;
  }
  if (!session) throw new Refusal(401, "NoToken", "You are not signed in.", "Sign in with a token.");
  return session;
}

function runRoute(method: string, parts: string[], sent: Record<string, unknown>): unknown {
  const key = parts.slice(0, 3).join("/");
  const run = runs.get(key);
  if (!run) throw new Refusal(404, "NotFound", `${key} does not exist.`, "It may have been deleted: go back to the list.");
  if (method === "DELETE") {
    runs.delete(key);
    removed.push(run);
    return undefined;
  }
  if (parts[3] === "actions") return act(run, sent);
  if (parts[3] === "clone") {
    const name = String(sent["name"]);
    const copy: RunSummary = { ...run, name, uid: `uid-${name}`, state: sent["suspend"] ? "Suspended" : "Queued", percent: 0, created: new Date().toISOString(), sparkline: [], completionTime: null };
    runs.set(`${run.kind}/${run.namespace}/${name}`, copy);
    changed.add(copy);
    return copy;
  }
  if (parts[3] === "deployment") return deploy(run, String(sent["name"]));
  if (parts[3] === "history") return historyOf(run);
  if (parts[3] === "trials") return trialsOf(run, [...runs.values()].filter((each) => each.experiment === run.name));
  if (parts[3] === "files" || parts[3] === "report") {
    const refused = resultsProblem(run);
    if (refused) throw new Refusal(403, refused.reason, refused.message, refused.remedy ?? "");
    if (parts[3] === "files") return filesOf(run);
    if (run.state !== "Complete") throw new Refusal(404, "NotFound", "The bucket has no such file.", "");
    return parts[4] === "data" ? dataOf() : evaluationOf();
  }
  return withSaved(detailOf(run));
}

function deploy(run: RunSummary, name: string): RunSummary {
  const key = `ModelServer/${run.namespace}/${name}`;
  if (runs.has(key)) throw new Refusal(409, "AlreadyExists", `ModelServer ${name} exists already.`, "Choose another name.");
  const server: RunSummary = { ...run, kind: "ModelServer", name, uid: `uid-${name}`, state: "Starting", reason: "", percent: 0, created: new Date().toISOString(), startTime: null, completionTime: null, sparkline: [], metrics: [], best: null, hasModel: false, server: { url: "", model: "", source: { kind: run.kind, namespace: run.namespace, name: run.name }, replicas: 1, readyReplicas: 0 } };
  runs.set(key, server);
  changed.add(server);
  return server;
}

function compareRoute(texts: readonly string[]): unknown {
  const found = texts.map((text) => {
    const run = runs.get(text);
    if (!run) throw new Refusal(404, "NotFound", `${text} does not exist.`, "Remove it from the comparison.");
    return run;
  });
  return comparisonOf(found);
}

function act(run: RunSummary, sent: Record<string, unknown>): RunDetail {
  if (run.name.startsWith("conflict") && sent["generation"] === run.generation) {
    run.generation = (run.generation ?? 0) + 1;
    const { object } = detailOf(run);
    const spec = object["spec"] as Record<string, unknown>;
    const current = { ...object, spec: { ...spec, activeDeadlineSeconds: 3600 }, metadata: { ...(object["metadata"] as object), generation: run.generation } };
    throw new Refusal(409, "Conflict", `${run.name} has changed since you opened it.`, "Compare both versions, and decide again.", current);
  }
  run.state = sent["action"] === "suspend" ? "Suspended" : sent["action"] === "resume" ? "Queued" : "Storing";
  run.resourceVersion = String(Number(run.resourceVersion) + 1);
  changed.add(run);
  return detailOf(run);
}

function storageRoute(method: string, sent: Record<string, unknown>): Storage {
  const endpoints = session?.storageEndpoints ?? [];
  const answer = { secrets: ["minio-credentials"], endpoints, defaultEndpoint: endpoints[0] ?? "", buckets: null, created: [] };
  if (method === "GET") return answer;
  if (sent["accessKey"] === "wrong") {
    throw new Refusal(422, "CredentialsRefused", "The storage refuses the keys: InvalidAccessKeyId.", "Check the access key, the secret key and the endpoint.");
  }
  const created = (sent["createBuckets"] ?? []) as string[];
  return { ...answer, secrets: [...answer.secrets, String(sent["secret"])], buckets: ["mnist-data", "mnist-results", ...created], created };
}

const changed = new Set<RunSummary>();
let removed: RunSummary[] = [];

function stream(namespace: string, request: IncomingMessage, response: ServerResponse): void {
  if (!session) {
    response.writeHead(401).end();
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  const send = (event: string, data: unknown) => response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  const connection = { isConnected: true, kinds: ["TrainingJob", "Experiment", "ModelServer"], problem: null };
  const isShown = (run: RunSummary) => namespace === "*" || run.namespace === namespace;
  send("connection", connection);
  send("runs", { isFirst: true, isComplete: true, changed: [...runs.values()].filter(isShown), removed: [] });
  const heart = setInterval(() => send("connection", connection), 15_000);
  const work = setInterval(() => {
    for (const run of advance([...runs.values()], Math.max(1, Math.round(RATE / 10)))) changed.add(run);
    const update = { isFirst: false, isComplete: false, changed: [...changed].filter(isShown), removed };
    changed.clear();
    removed = [];
    send("runs", update);
  }, RATE >= 10 ? 100 : 1000 / RATE);
  request.on("close", () => {
    clearInterval(heart);
    clearInterval(work);
  });
}
