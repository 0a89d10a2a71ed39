/** The panels of a history: one for each metric, with its training and its validation. */

const OTHER = new Set(["learning_rate", "seconds"]);
const VALIDATION = "val_";

export interface NamedCurve {
  name: string;
}

export interface Panel<C extends NamedCurve> {
  /** The metric without `val_`. */
  metric: string;
  /** The curves of the metric: training first, then validation. */
  curves: C[];
}

/** Returns the metric of a curve, such as loss for val_loss. */
export function baseMetric(name: string): string {
  return name.startsWith(VALIDATION) ? name.slice(VALIDATION.length) : name;
}

/** Returns a panel for each metric in the order of the history; learning rate and seconds come last. */
export function toPanels<C extends NamedCurve>(curves: readonly C[]): Panel<C>[] {
  const panels = new Map<string, C[]>();
  for (const curve of curves) {
    const metric = baseMetric(curve.name);
    panels.set(metric, [...(panels.get(metric) ?? []), curve]);
  }
  return [...panels]
    .map(([metric, found]) => ({ metric, curves: found.sort((a, b) => order(a) - order(b)) }))
    .sort((a, b) => Number(OTHER.has(a.metric)) - Number(OTHER.has(b.metric)));
}

/** Returns the metrics to show without a choice: the loss, and the monitored metric or else the next one. */
export function defaultMetrics(metrics: readonly string[], monitored: string | null): string[] {
  const first = ["loss", baseMetric(monitored ?? "")].filter((name) => metrics.includes(name));
  return [...new Set([...first, ...metrics.filter((name) => !OTHER.has(name))])].slice(0, 2);
}

function order(curve: NamedCurve): number {
  return Number(curve.name.startsWith(VALIDATION));
}
