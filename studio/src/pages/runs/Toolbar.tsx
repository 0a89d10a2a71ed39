// Filter and order of the list.
import { useId } from "react";
import { count } from "../../parts/format";
import { StateIcon } from "../../parts/icons";
import type { ChangeOptions } from "./RunsPage";
import { SORTS, type SortKey, type ViewOptions } from "./view";

const ORDERS: Record<SortKey, [rising: string, falling: string]> = {
  created: ["Oldest first", "Newest first"],
  name: ["Name, A to Z", "Name, Z to A"],
  state: ["State, A to Z", "State, Z to A"],
  progress: ["Least progress", "Most progress"],
  metric: ["Smallest metric", "Greatest metric"],
  time: ["Shortest time", "Longest time"],
};

interface Props {
  options: ViewOptions;
  states: readonly string[];
  matches: number;
  change: ChangeOptions;
  /** Called when the filter loses the focus, so that the address has it before another page is opened. */
  onLeave: () => void;
}

export function Toolbar({ options, states, matches, change, onLeave }: Props) {
  const id = useId();
  const { key, isDescending } = options.sort;
  return (
    <div className="toolbar" role="search">
      <div className="filter">
        <label className="visually-hidden" htmlFor={`${id}-text`}>
          Filter by name, namespace, state or reason
        </label>
        <StateIcon shape="search" />
        <input
          id={`${id}-text`}
          type="search"
          placeholder="Filter by name, state or reason"
          value={options.text}
          maxLength={200}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => change(() => ({ text: event.target.value }))}
          onBlur={onLeave}
        />
      </div>
      <label className="visually-hidden" htmlFor={`${id}-state`}>
        State
      </label>
      <select id={`${id}-state`} value={options.state} onChange={(event) => change(() => ({ state: event.target.value }))}>
        <option value="">All states</option>
        {options.state && !states.includes(options.state) && <option value={options.state}>{options.state}</option>}
        {states.map((state) => (
          <option key={state} value={state}>
            {state}
          </option>
        ))}
      </select>
      <label className="visually-hidden" htmlFor={`${id}-sort`}>
        Order
      </label>
      <select
        id={`${id}-sort`}
        value={`${isDescending ? "-" : ""}${key}`}
        onChange={(event) => {
          const chosen = SORTS.find((each) => each === event.target.value.replace(/^-/u, ""));
          if (chosen) change(() => ({ sort: { key: chosen, isDescending: event.target.value.startsWith("-") } }));
        }}
      >
        {SORTS.flatMap((each) => [
          <option key={`-${each}`} value={`-${each}`}>
            {ORDERS[each][1]}
          </option>,
          <option key={each} value={each}>
            {ORDERS[each][0]}
          </option>,
        ])}
      </select>
      <p className="matches quiet small" role="status">
        {count(matches, options.tab === "ModelServer" ? "server" : "run")}
      </p>
    </div>
  );
}
