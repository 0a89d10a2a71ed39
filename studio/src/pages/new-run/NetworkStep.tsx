// The network: from a template, or from a stored run.
import { useState } from "react";
import { field, listField, textField } from "../run/objectFields";
import { Loaded } from "../run/Loaded";
import { useResource } from "../run/useResource";
import type { Templates } from "../../wire";
import { count } from "../../parts/format";
import { CodeText } from "../../parts/CodeText";
import { useForm } from "./form";
import { RunChoice } from "./RunChoice";
import { takeNetwork } from "./convert";
import type { View } from "./document";

type Source = "template" | "run";

interface Props {
  /** Begins with a template: the page asks before it replaces a changed draft. */
  onTemplate: (yaml: string, title: string) => void;
}

export function NetworkStep({ onTemplate }: Props) {
  const { view, write } = useForm();
  const [source, setSource] = useState<Source>("template");
  return (
    <>
      <NetworkFacts view={view} />
      <div className="segments" role="group" aria-label="Source of the network">
        <button type="button" aria-pressed={source === "template"} onClick={() => setSource("template")}>
          Template
        </button>
        <button type="button" aria-pressed={source === "run"} onClick={() => setSource("run")}>
          Stored run
        </button>
      </div>
      {source === "template" ? <TemplateChoice onTemplate={onTemplate} /> : <RunChoice onChoose={(yaml) => write((text) => takeNetwork(text, yaml))} />}
    </>
  );
}

function TemplateChoice({ onTemplate }: Props) {
  const templates = useResource<Templates>("/api/templates");
  return (
    <Loaded resource={templates} name="the templates">
      {(data) => (
        <ul className="template-list">
          {data.templates.map((each) => (
            <li key={each.name}>
              <button type="button" className="template" onClick={() => onTemplate(each.yaml, each.title)}>
                <span className="template-title">{each.title}</span>
                {each.name !== each.title && <code className="quiet small">{each.name}</code>}
                <span className="template-text">
                  <CodeText text={each.description} />
                </span>
              </button>
            </li>
          ))}
          {data.templates.length === 0 && <li className="quiet">There are no templates.</li>}
        </ul>
      )}
    </Loaded>
  );
}

function NetworkFacts({ view }: { view: View }) {
  const { checked } = useForm();
  const text = networkSummary(view);
  if (!text) return <p className="quiet">Begin with a template, or with the network of a run.</p>;
  return (
    <div className="facts">
      <p>
        <strong>{text}</strong>
        {checked?.parameters != null && <span className="quiet"> · {count(checked.parameters, "parameter").replace(/^\d+/u, (digits) => Number(digits).toLocaleString())}</span>}
      </p>
      {checked && !checked.isBuilt && <p className="hint">{checked.problem?.message ?? "The shapes of the network are not checked yet."}</p>}
    </div>
  );
}

/** Returns the network of a run in a few words; empty without one. */
export function networkSummary({ job }: View): string {
  const uri = textField(job, "model.uri");
  if (uri) return `Saved model ${uri}`;
  const code = textField(job, "code.object");
  if (code) return `Python file ${code}`;
  const layers = listField(job, "network.layers");
  if (layers.length === 0) return "";
  const shape = field(job, "network.input.shape");
  const input = Array.isArray(shape) ? ` for samples of shape [${shape.join(", ")}]` : "";
  return `${count(layers.length, "layer")}${input}`;
}
