// The list of runs and servers: filter, sort, groups, selection for a comparison, and actions.
import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { parseKey } from "../../api/paths";
import { ALL } from "../../namespaces";
import { compareAddress, setQuery, withNamespace } from "../../navigation";
import { RunActions } from "../../parts/actions/RunActions";
import { count } from "../../parts/format";
import { Link } from "../../parts/Link";
import type { Group } from "../../parts/state";
import { useTitle } from "../../parts/useTitle";
import { useRuns, useStreamStatus } from "../../stream/RunsProvider";
import { MAX_RUNS_COMPARED, type RunKey } from "../../wire";
import { FirstSteps, NoMatch, NoNamespace } from "./EmptyStates";
import { RunsGrid } from "./RunsGrid";
import { Toolbar } from "./Toolbar";
import { useView } from "./useView";
import { SORTS, TABS, type Sort, type SortKey, type Tab, type ViewOptions } from "./view";
import "./runs.css";

/** Time after the last key until the address has the filter, in milliseconds: browsers limit changes of an address. */
const QUIET = 400;

export default function RunsPage({ namespace }: { namespace: string | null }) {
  useTitle(namespace && namespace !== ALL ? `Runs in ${namespace}` : "Runs");
  return namespace ? <RunList key={namespace} namespace={namespace} /> : <NoNamespace />;
}

interface OpenMenu {
  run: RunKey;
  anchor: HTMLElement;
}

function RunList({ namespace }: { namespace: string }) {
  const { store } = useRuns();
  const status = useStreamStatus();
  const isLoaded = useSyncExternalStore(store.subscribe, () => store.isLoaded);
  const { options, change, write, toggleGroup, toggleExperiment } = useOptions();
  const view = useView(store, options);
  const { selected, toggle: toggleSelected, clear } = useSelection();
  const [menu, setMenu] = useState<OpenMenu>();

  const openMenu = useCallback((id: string, anchor: HTMLElement) => {
    const run = parseKey(id);
    if (run) setMenu({ run, anchor });
  }, []);
  const closeMenu = useCallback(() => setMenu(undefined), []);
  const sortBy = useCallback(
    (key: SortKey) => change((old) => ({ sort: { key, isDescending: old.sort.key === key ? !old.sort.isDescending : startsDescending(key) } })),
    [change],
  );

  const isFiltered = options.text !== "" || options.state !== "";
  const mayWatch = status.status !== "live" || status.connection.kinds.length > 0;
  const isEmpty = view.counts.runs === 0 && view.counts.ModelServer === 0;
  return (
    <div className="page runs-page">
      <div className="page-head">
        <h1>Runs</h1>
        {!isEmpty && (
          <Link href={withNamespace("/new", namespace)} className="button primary new-run-link">
            New run
          </Link>
        )}
        {!isEmpty && <Tabs tab={options.tab} counts={view.counts} onChange={(tab) => change(() => ({ tab, state: "" }))} />}
      </div>
      {!isEmpty && <Toolbar options={options} states={view.states} matches={view.matches} change={change} onLeave={write} />}
      {!isLoaded ? (
        <p className="empty" role="status">
          {status.status === "lost" ? "The runs are shown as soon as Studio is connected." : "Loading runs…"}
        </p>
      ) : isEmpty && !mayWatch ? (
        <p className="empty">You may not list the runs here. The message above names the cause.</p>
      ) : isEmpty ? (
        <FirstSteps namespace={namespace} />
      ) : view.items.length === 0 ? (
        <NoMatch isFiltered={isFiltered} tab={options.tab} onClear={() => change(() => ({ text: "", state: "" }))} />
      ) : (
        <RunsGrid
          items={view.items}
          tab={options.tab}
          namespace={namespace}
          selected={selected}
          sort={options.sort}
          onSort={sortBy}
          onToggleGroup={toggleGroup}
          onToggle={toggleExperiment}
          onSelect={toggleSelected}
          onMenu={openMenu}
        />
      )}
      {selected.size > 0 && <SelectionBar selected={selected} namespace={namespace} onClear={clear} />}
      {menu && <RunActions run={menu.run} anchor={menu.anchor} onClose={closeMenu} />}
    </div>
  );
}

const TAB_LABELS: Record<Tab, string> = {
  runs: "All runs", TrainingJob: "TrainingJobs", Experiment: "Experiments", ModelServer: "ModelServers",
};

function Tabs({ tab, counts, onChange }: { tab: Tab; counts: Readonly<Record<Tab, number>>; onChange: (tab: Tab) => void }) {
  return (
    <div className="segments" role="group" aria-label="Kind">
      {TABS.map((each) => (
        <button key={each} type="button" aria-pressed={each === tab} onClick={() => onChange(each)}>
          {TAB_LABELS[each]} <span className="count">{counts[each]}</span>
        </button>
      ))}
    </div>
  );
}

function SelectionBar({ selected, namespace, onClear }: { selected: ReadonlySet<string>; namespace: string; onClear: () => void }) {
  const runs = [...selected].map(parseKey).filter((run) => run !== undefined);
  const isTooMany = runs.length > MAX_RUNS_COMPARED;
  const canCompare = runs.length >= 2 && !isTooMany;
  return (
    <div className="selection-bar" role="region" aria-label="Selection">
      <span role="status">
        {isTooMany
          ? `${count(runs.length, "run")} selected: at most ${MAX_RUNS_COMPARED} can be compared.`
          : `${count(runs.length, "run")} selected${runs.length === 1 ? ": select another one to compare" : ""}`}
      </span>
      {canCompare && (
        <Link href={compareAddress(runs, namespace)} className="button primary">
          Compare
        </Link>
      )}
      <button type="button" className="button" onClick={onClear}>
        Clear
      </button>
    </div>
  );
}

/** Names begin with A; all other columns with their greatest value. */
function startsDescending(key: SortKey): boolean {
  return key !== "name" && key !== "state";
}

/** Changes options; a function of the old ones, so that it stays the same function. */
export type ChangeOptions = (changes: (old: ViewOptions) => Partial<ViewOptions>) => void;

/** The options of the list. Tab, filter and order stand in the address; `write` puts them there at once. */
function useOptions() {
  const [options, setOptions] = useState<ViewOptions>(readOptions);
  const change: ChangeOptions = useCallback((changes) => setOptions((old) => ({ ...old, ...changes(old) })), []);
  const toggleGroup = useCallback(
    (group: Group) => change((old) => ({ closedGroups: toggled(old.closedGroups, group) })),
    [change],
  );
  const toggleExperiment = useCallback(
    (id: string) => change((old) => ({ openExperiments: toggled(old.openExperiments, id) })),
    [change],
  );

  const { tab, text, state, sort } = options;
  const write = useCallback(() => setQuery(queryOf({ tab, text, state, sort })), [tab, text, state, sort]);
  useEffect(() => {
    const timer = window.setTimeout(write, QUIET);
    return () => window.clearTimeout(timer);
  }, [write]);

  return { options, change, write, toggleGroup, toggleExperiment };
}

function queryOf({ tab, text, state, sort }: Pick<ViewOptions, "tab" | "text" | "state" | "sort">): Record<string, string | null> {
  return {
    kind: tab === "runs" ? null : tab,
    filter: text,
    state,
    sort: sort.key === "created" && sort.isDescending ? null : `${sort.isDescending ? "-" : ""}${sort.key}`,
  };
}

function readOptions(): ViewOptions {
  const query = new URLSearchParams(window.location.search);
  const tab = TABS.find((each) => each === query.get("kind")) ?? "runs";
  return {
    tab,
    text: query.get("filter") ?? "",
    state: query.get("state") ?? "",
    sort: readSort(query.get("sort") ?? ""),
    closedGroups: new Set(),
    openExperiments: new Set(),
  };
}

function readSort(text: string): Sort {
  const key = SORTS.find((each) => each === text.replace(/^-/u, ""));
  return key ? { key, isDescending: text.startsWith("-") } : { key: "created", isDescending: true };
}

function toggled<T>(set: ReadonlySet<T>, item: T): ReadonlySet<T> {
  const next = new Set(set);
  if (!next.delete(item)) next.add(item);
  return next;
}

/** The selected runs. A run that is deleted leaves the selection. */
function useSelection() {
  const { store } = useRuns();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const present = useSyncExternalStore(store.subscribe, () => [...chosen].filter((id) => store.get(id)).join("\n"));
  const selected = useMemo<ReadonlySet<string>>(() => new Set(present ? present.split("\n") : []), [present]);
  const toggle = useCallback((id: string) => {
    if (parseKey(id)?.kind === "TrainingJob") setChosen((old) => toggled(old, id));
  }, []);
  const clear = useCallback(() => setChosen(new Set()), []);
  return { selected, toggle, clear };
}
