// The resources of the pod, beside the free part of the nodes.
import { type CSSProperties } from "react";
import { StateIcon } from "../../parts/icons";
import { ProblemBox } from "../../parts/ProblemBox";
import { Loaded } from "../run/Loaded";
import { useResource } from "../run/useResource";
import type { Capacity, NodeCapacity } from "../../wire";
import { asRecord, type View } from "./document";
import { numberOf, shown, textOf } from "./fieldTexts";
import { TextField, TextInput } from "./Fields";
import { useForm } from "./form";
import { askedOf, fitOf, gpuNames, outlook, quantity, type Asked, type Fit } from "./quantities";

/** The usual name of a GPU, if the nodes are unknown. */
const USUAL_GPU = "nvidia.com/gpu";
const MAX_NODES = 30;

export function ResourcesStep() {
  const { view } = useForm();
  const capacity = useResource<Capacity>("/api/capacity");
  const asked = askedOf(view.job["resources"]);
  return (
    <>
      <ResourceFields nodes={capacity.data?.nodes ?? []} />
      <Loaded resource={capacity} name="the nodes">
        {({ nodes, problem }) => (
          <>
            {problem && <ProblemBox problem={problem} tone="warning" />}
            {nodes && <Nodes nodes={nodes} asked={asked} />}
            {!nodes && !problem && <p className="hint">You may not list the nodes, so their free part is unknown. The run starts as soon as a node has room.</p>}
          </>
        )}
      </Loaded>
    </>
  );
}

function ResourceFields({ nodes }: { nodes: readonly NodeCapacity[] }) {
  const { view, set } = useForm();
  const resources = asRecord(view.job["resources"]);
  const [requests, limits] = [asRecord(resources["requests"]), asRecord(resources["limits"])];
  const given = Object.keys(limits).filter((name) => name.includes("/"));
  const names = [...new Set([...given, ...gpuNames(nodes)])];
  const at = (part: "requests" | "limits", name: string) => (text: string) => set(["resources", part, name], textOf(text));
  return (
    <>
      <div className="form-row is-compact">
        <TextInput label="CPU cores" value={shown(requests["cpu"])} placeholder="1" hint="As of Kubernetes: 2, or 500m for half a core." onChange={at("requests", "cpu")} />
        <TextInput label="Memory" value={shown(requests["memory"])} placeholder="2Gi" hint="The node must have it free." error={quantityError(requests["memory"])} onChange={at("requests", "memory")} />
        <TextInput label="Limit of the memory" value={shown(limits["memory"])} placeholder="4Gi" hint="The pod is ended above it. At least 282Mi." error={quantityError(limits["memory"])} onChange={at("limits", "memory")} />
        {(names.length > 0 ? names : [USUAL_GPU]).map((name) => (
          <TextInput
            key={name}
            label={names.length > 1 ? `GPUs (${name})` : "GPUs"}
            value={shown(limits[name])}
            placeholder="0"
            inputMode="numeric"
            hint={names.length > 1 ? undefined : name}
            onChange={(text) => {
              const count = numberOf(text);
              set(["resources", "limits", name], count === 0 ? undefined : count);
            }}
          />
        ))}
      </div>
      <details>
        <summary>Queue and priority</summary>
        <div className="form-row">
          <TextField path="scheduling.queueName" label="Queue" hint="LocalQueue of Kueue that admits the job. Default: none, and the job starts at once." />
          <TextField path="scheduling.priorityClassName" label="PriorityClass" hint="Priority of the pods." />
        </div>
      </details>
    </>
  );
}

function quantityError(value: unknown): string | undefined {
  if (value === undefined || quantity(value) !== undefined) return undefined;
  return `${shown(value)} is no quantity: write a number with a unit, such as 500Mi or 2Gi.`;
}

const FITS: Record<Fit, string> = { fits: "has room now", busy: "is busy", "too-small": "is too small", "not-ready": "takes no pods now", unknown: "is unknown" };

function Nodes({ nodes, asked }: { nodes: readonly NodeCapacity[]; asked: Asked }) {
  if (nodes.length === 0) return <p className="hint">The cluster has no nodes yet. The run waits in the queue until there is one.</p>;
  const { text, canStart } = outlook(nodes, asked);
  // The nodes that fit come first.
  const order: readonly Fit[] = ["fits", "busy", "unknown", "not-ready", "too-small"];
  const sorted = [...nodes].sort((a, b) => order.indexOf(fitOf(a, asked)) - order.indexOf(fitOf(b, asked)));
  return (
    <div className="nodes">
      <p className={`outlook ${canStart ? "is-ok" : canStart === false ? "is-waiting" : ""}`} role="status">
        <StateIcon shape={canStart ? "check" : canStart === false ? "hourglass" : "warning"} />
        <span>{text}</span>
      </p>
      <ul className="node-list" tabIndex={0} aria-label="Nodes">
        {sorted.slice(0, MAX_NODES).map((node) => (
          <Node key={node.name} node={node} asked={asked} fit={fitOf(node, asked)} />
        ))}
      </ul>
      {nodes.length > MAX_NODES && <p className="hint">And {nodes.length - MAX_NODES} more nodes.</p>}
      <p className="hint">
        <span className="bar-key is-used" aria-hidden="true" /> in use <span className="bar-key is-asked" aria-hidden="true" /> this run. Labels and taints of the nodes are not compared.
      </p>
    </div>
  );
}

function Node({ node, asked, fit }: { node: NodeCapacity; asked: Asked; fit: Fit }) {
  return (
    <li className={`node is-${fit}`}>
      <p className="node-name">
        <strong>{node.name}</strong> <span className="quiet">{FITS[fit]}</span>
      </p>
      {Object.entries(node.gpus).map(([name, total]) => (
        <Bar key={name} label={name === USUAL_GPU ? "GPUs" : name} total={total} free={node.freeGpus ? (node.freeGpus[name] ?? 0) : null} asked={asked.gpus[name] ?? 0} format={String} />
      ))}
      <Bar label="Memory" total={node.memory} free={node.freeMemory} asked={asked.memory} format={gibibytes} />
      <Bar label="CPU" total={node.cpu} free={node.freeCpu} asked={asked.cpu} format={(value) => String(Math.round(value * 10) / 10)} />
    </li>
  );
}

interface BarProps {
  label: string;
  total: number;
  free: number | null;
  asked: number;
  format: (value: number) => string;
}

function Bar({ label, total, free, asked, format }: BarProps) {
  const used = free === null ? 0 : total - free;
  const style = { "--used": part(used, total), "--asked": part(asked, total) } as CSSProperties;
  const text = free === null ? `${format(total)}, free part unknown` : `${format(free)} of ${format(total)} free`;
  return (
    <p className={`node-bar${asked > (free ?? total) ? " is-over" : ""}`}>
      <span className="node-label">{label}</span>
      <span className="capacity" style={style} aria-hidden="true" />
      <span className="node-text">{text}</span>
    </p>
  );
}

/** Returns bytes in the unit that specs usually have. */
function gibibytes(bytes: number): string {
  return `${Number((bytes / 2 ** 30).toPrecision(3)).toLocaleString()} Gi`;
}

function part(value: number, total: number): number {
  return total > 0 ? Math.min(1, Math.max(0, value / total)) : 0;
}

/** Returns the resources of a run in a few words. */
export function resourcesSummary({ job }: View): string {
  const { cpu, memory, gpus } = askedOf(job["resources"]);
  const count = Object.values(gpus).reduce((sum, each) => sum + each, 0);
  const parts = [count ? `${count} ${count === 1 ? "GPU" : "GPUs"}` : "", cpu ? `${cpu} ${cpu === 1 ? "core" : "cores"}` : "", memory ? `${gibibytes(memory)} of memory` : ""];
  return parts.filter(Boolean).join(", ");
}
