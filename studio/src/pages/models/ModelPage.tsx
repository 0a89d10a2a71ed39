/** Tries the model of one ModelServer: with a photograph, a drawing, a table or a request; and its requests by class. */

import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { keyText, servedPath } from "../../api/paths";
import { runAddress, useQuery, withNamespace } from "../../navigation";
import { Link } from "../../parts/Link";
import { ProblemBox } from "../../parts/ProblemBox";
import { useServerKey } from "../../parts/ServerKeys";
import { StateBadge } from "../../parts/StateBadge";
import { useTitle } from "../../parts/useTitle";
import { useRun } from "../../stream/RunsProvider";
import type { RunKey, ServedModel, Usage } from "../../wire";
import { Loaded } from "../run/Loaded";
import { ProblemNote } from "../run/ProblemNote";
import { useResource, type Resource } from "../run/useResource";
import { useThrottled } from "../run/useThrottled";
import { AboutModel } from "./AboutModel";
import { KeyForm } from "./KeyForm";
import { readPage } from "./pageModel";
import { PhotographPart } from "./PhotographPart";
import { clientOf } from "./predict";
import { TensorPart } from "./TensorPart";
import { UsageView } from "./UsageView";
import "server-page/parts.css";
import "../../charts/charts.css";
import "../run/run.css";
import "./models.css";

/** Minimum time between two requests for the same part, in milliseconds. */
const PERIOD = 1000;
/** The same for the figures: a pod answers a request for its metrics after the last one took 5 % of a processor. */
const USAGE_PERIOD = 3000;

export default function ModelPage({ server }: { server: RunKey }) {
  useTitle(`Try ${server.name}`);
  return <Model key={keyText(server)} server={server} />;
}

function Model({ server }: { server: RunKey }) {
  const live = useRun(server);
  const namespace = useQuery("namespace");
  const [key, setKey] = useServerKey(server);
  const version = useThrottled(live?.resourceVersion ?? "", PERIOD);
  const served = useResource<ServedModel>(servedPath(server), version, key);
  const state = live?.state ?? served.data?.state;
  return (
    <div className="page model-page">
      <header className="run-header">
        <div className="page-head">
          <h1>{server.name}</h1>
          {state && <StateBadge state={state} />}
          <div className="buttons run-actions">
            <Link href={withNamespace("/models", namespace ?? server.namespace)} className="button">
              All models
            </Link>
            <Link href={withNamespace(runAddress(server), namespace)} className="button">
              Details
            </Link>
          </div>
        </div>
        <p className="quiet small">ModelServer in {server.namespace}</p>
      </header>
      {served.data ? (
        <Served server={server} served={served.data} resource={served} version={version} apiKey={key} setKey={setKey} address={live?.server?.url ?? ""} />
      ) : served.problem ? (
        <ProblemNote title={`Studio cannot show ModelServer ${server.namespace}/${server.name}.`} problem={served.problem} onRetry={served.retry} />
      ) : (
        <p className="page-wait" role="status">
          Loading {server.name}…
        </p>
      )}
    </div>
  );
}

interface ServedProps {
  server: RunKey;
  served: ServedModel;
  resource: Resource<ServedModel>;
  version: string;
  apiKey: string;
  setKey: (key: string) => void;
  /** Address of the server in the cluster. */
  address: string;
}

function Served({ server, served, resource, version, apiKey, setKey, address }: ServedProps) {
  const { page, problem, needsKey } = served;
  // The description is the same text until the model changes: a part keeps its drawing while the status changes.
  const text = page ? JSON.stringify(page) : "";
  const model = useMemo(() => (text ? readPage(JSON.parse(text)) : null), [text]);
  // The last description stays while the server does not answer.
  const [shown, setShown] = useState({ text, model });
  if (model && text !== shown.text) setShown({ text, model });

  const [refusal, setRefusal] = useState("");
  const [request, setRequest] = useState("");
  const [answers, setAnswers] = useState(0);
  const said = useRef<HTMLParagraphElement>(null);
  const say = useCallback((words: string) => {
    if (said.current) said.current.textContent = words;
  }, []);
  const answered = useCallback(() => setAnswers((count) => count + 1), []);
  const again = useRef<() => void>(undefined);
  const onAgain = useCallback((send: () => void) => {
    again.current = send;
  }, []);

  const key = useRef(apiKey);
  useEffect(() => {
    key.current = apiKey;
  }, [apiKey]);
  const { namespace, name } = server;
  const client = useMemo(() => clientOf({ namespace, name }, () => key.current), [namespace, name]);

  // A request that was refused for its key is sent again as soon as the server accepts one.
  const isWaiting = useRef(false);
  const useKey = (typed: string) => {
    isWaiting.current ||= refusal !== "";
    key.current = typed;
    setRefusal("");
    setKey(typed);
    resource.retry();
  };
  useEffect(() => {
    if (!isWaiting.current || served.needsKey) return;
    isWaiting.current = false;
    again.current?.();
  }, [served]);

  const part = { client, onKeyRequired: setRefusal, onAnswer: answered, say, onAgain };
  return (
    <>
      {(needsKey || refusal) && (
        <KeyForm message={refusal || problem?.message || "This server asks for a key."} onKey={useKey} />
      )}
      {problem && !needsKey && (
        <ProblemNote title="The model does not answer now." problem={problem} onRetry={resource.retry} />
      )}
      {resource.problem && (
        <ProblemNote
          title={resource.problem.reason === "NotFound" ? "This server was deleted." : "Studio cannot refresh this page."}
          problem={resource.problem}
          onRetry={resource.retry}
        />
      )}
      {page && !model && <ProblemBox problem={OTHER_FORM} />}
      {shown.model && (
        <>
          {shown.model.images === "None" ? (
            <TensorPart key={shown.text} model={shown.model} {...part} onRequest={setRequest} />
          ) : (
            <PhotographPart key={shown.text} model={shown.model} {...part} />
          )}
          <UsageSection
            server={server}
            version={version}
            answers={answers}
            hasClasses={shown.model.outputs.some((output) => output.class_values !== null)}
          />
          <AboutModel model={shown.model} request={request} address={address} hasKey={apiKey !== ""} />
        </>
      )}
      <p ref={said} className="visually-hidden" role="status" />
    </>
  );
}

const OTHER_FORM = {
  reason: "InvalidAnswer",
  message: "The server describes its model in another form.",
  remedy: "Reload this page. If it stays so, the server and Studio differ in their version.",
};

interface UsageSectionProps {
  server: RunKey;
  version: string;
  /** Number of answers on this page. */
  answers: number;
  hasClasses: boolean;
}

function UsageSection({ server, version, answers, hasClasses }: UsageSectionProps) {
  const usage = useResource<Usage>(`${servedPath(server)}/usage`, useThrottled(`${version} ${answers}`, USAGE_PERIOD));
  return (
    <section className="card usage" aria-labelledby="usage-title">
      <div className="card-head">
        <h2 id="usage-title">{hasClasses ? "Requests by class" : "Requests"}</h2>
        <button type="button" className="button" onClick={usage.retry}>
          Refresh
        </button>
      </div>
      <Loaded resource={usage} name="the requests">
        {(data) => <UsageView usage={data} hasClasses={hasClasses} />}
      </Loaded>
    </section>
  );
}
