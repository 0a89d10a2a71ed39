/** The sections of a run's page. Only the visible one is mounted, so only its data are requested. */

import { runPath } from "../../api/paths";
import type { DataSummary } from "../../data-report";
import type { Evaluation } from "../../evaluation-report";
import { runAddress, useAddress } from "../../navigation";
import { Link } from "../../parts/Link";
import type { Files, RunDetail, RunKey } from "../../wire";
import { DataView } from "./DataView";
import { Entries } from "./Entries";
import { EvaluationView } from "./EvaluationView";
import { FilesView } from "./FilesView";
import { Layers } from "./Layers";
import { Loaded } from "./Loaded";
import { LogSection } from "./LogSection";
import { Overview } from "./Overview";
import { YamlView } from "./YamlView";
import { fileAddress, pictureAddress } from "./addresses";
import { numberField } from "./objectFields";
import { type Section, TITLES, sectionsOf } from "./sections";
import { TrialsSection } from "../compare/TrialsSection";
import { useResource } from "./useResource";
import { useThrottled } from "./useThrottled";

export interface RunSectionsProps {
  detail: RunDetail;
  section: Section;
  version: string;
  isDeleted: boolean;
}

export function RunSections(props: RunSectionsProps) {
  const { summary } = props.detail;
  const { search } = useAddress();
  return (
    <>
      <nav className="segments run-sections" aria-label="Sections">
        {sectionsOf(summary.kind).map((section) => (
          <Link
            key={section}
            href={sectionAddress(summary, section, search)}
            {...(section === props.section ? { "aria-current": "true" as const } : {})}
          >
            {TITLES[section]}
          </Link>
        ))}
      </nav>
      {props.section === "overview" || props.section === "trials" ? (
        <Content {...props} />
      ) : (
        <section className="card" aria-labelledby="section-title">
          <h2 id="section-title">{TITLES[props.section]}</h2>
          <Content {...props} />
        </section>
      )}
    </>
  );
}

/** Returns the address of a section, with the other parameters of the query. */
function sectionAddress(run: RunKey, section: Section, search: string): string {
  const query = new URLSearchParams(search);
  if (section === "overview") query.delete("section");
  else query.set("section", section);
  const text = query.toString();
  return text ? `${runAddress(run)}?${text}` : runAddress(run);
}

function Content({ detail, section, version, isDeleted }: RunSectionsProps) {
  const { summary, object } = detail;
  switch (section) {
    case "overview":
      return <Overview detail={detail} version={version} />;
    case "trials":
      return <TrialsSection detail={detail} version={version} />;
    case "log":
      return <LogSection run={summary} state={summary.state} isDeleted={isDeleted} permissions={detail.permissions} />;
    case "events":
      return <Entries entries={detail.entries} problem={detail.entriesProblem ?? null} />;
    case "network":
      return <Layers layers={detail.layers} parameters={numberField(object, "status.network.parameters")} />;
    case "data":
      return <DataSection run={summary} state={summary.state} />;
    case "evaluation":
      return <EvaluationSection run={summary} state={summary.state} />;
    case "files":
      return <FilesSection run={summary} version={version} />;
    case "yaml":
      return <YamlView yaml={detail.yaml} file={`${summary.name}.yaml`} />;
  }
}

interface PartProps {
  run: RunKey;
  /** Reports appear with another state. */
  state: string;
}

function DataSection({ run, state }: PartProps) {
  const report = useResource<DataSummary>(`${runPath(run)}/report/data`, state);
  return (
    <Loaded
      resource={report}
      name="the description of the data"
      absent="There is no description of the data yet. The trainer stores it before the training."
    >
      {(data) => <DataView report={data} />}
    </Loaded>
  );
}

function EvaluationSection({ run, state }: PartProps) {
  const report = useResource<Evaluation>(`${runPath(run)}/report/evaluation`, state);
  return (
    <Loaded
      resource={report}
      name="the evaluation"
      absent="There is no evaluation. The trainer stores it after a training with test or validation data."
    >
      {(data) => <EvaluationView evaluation={data} picture={(file) => pictureAddress(run, file)} />}
    </Loaded>
  );
}

/** Minimum time between two lists of the files, in milliseconds. */
const FILES_PERIOD = 10_000;

/** A training stores checkpoints, and an Experiment its plots, while they run. */
function FilesSection({ run, version }: { run: RunKey; version: string }) {
  const files = useResource<Files>(`${runPath(run)}/files`, useThrottled(version, FILES_PERIOD));
  return (
    <Loaded resource={files} name="the files" absent="No files are stored yet.">
      {(data) => <FilesView files={data} address={(path) => fileAddress(run, path)} />}
    </Loaded>
  );
}
