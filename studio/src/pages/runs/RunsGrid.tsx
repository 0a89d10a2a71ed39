// The list as a tree grid: only rows near the window are mounted, and arrows move between rows.
import { defaultRangeExtractor, useWindowVirtualizer, type Range } from "@tanstack/react-virtual";
import { useCallback, useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent } from "react";
import { parseKey } from "../../api/paths";
import { navigate, runAddress, withNamespace } from "../../navigation";
import { StateIcon } from "../../parts/icons";
import type { Group } from "../../parts/state";
import { useMedia } from "../../parts/useMedia";
import { keyEffect } from "./keys";
import { RunRow, type RowActions } from "./RunRow";
import type { Item, Sort, SortKey, Tab } from "./view";

const GROUP_HEIGHT = 38;
const ROW_HEIGHT = 48;
const NARROW_HEIGHT = 92;
/** The height of the column heads, which cover rows at the top of the window. */
const HEAD_HEIGHT = 36;

/** The row that was active when the list was left: a user who comes back by keys goes on there. */
let lastActiveId: string | undefined;

interface Props extends RowActions {
  items: readonly Item[];
  tab: Tab;
  namespace: string;
  selected: ReadonlySet<string>;
  sort: Sort;
  onSort: (key: SortKey) => void;
  onToggleGroup: (group: Group) => void;
}

export function RunsGrid({ items, tab, namespace, selected, sort, onSort, onToggleGroup, onToggle, onSelect, onMenu }: Props) {
  const list = useRef<HTMLDivElement>(null);
  const isNarrow = useMedia("(max-width: 48rem)");
  const [top, setTop] = useState(0);
  const [activeId, setActiveId] = useState(lastActiveId);
  const wantsFocus = useRef(false);
  const hasFocus = useRef(false);
  const lastActive = useRef(0);
  const found = items.findIndex((item) => item.id === activeId);
  // The row that takes the place of a deleted one is active after it.
  const active = found >= 0 ? found : Math.min(lastActive.current, items.length - 1);

  useEffect(() => {
    lastActiveId = activeId;
    lastActive.current = active;
    // A focused row that goes takes the focus with it.
    if (hasFocus.current && document.activeElement === document.body) focusActive(list.current);
  }, [items, active, activeId]);

  useLayoutEffect(() => {
    // Banners above the list come and go.
    const measure = () => setTop((list.current?.getBoundingClientRect().top ?? 0) + window.scrollY);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(document.body);
    return () => observer.disconnect();
  }, []);

  const virtualizer = useWindowVirtualizer({
    count: items.length,
    estimateSize: (index) => (items[index]?.type === "group" ? GROUP_HEIGHT : isNarrow ? NARROW_HEIGHT : ROW_HEIGHT),
    getItemKey: (index) => items[index]?.id ?? index,
    overscan: 8,
    scrollMargin: top,
    scrollPaddingStart: HEAD_HEIGHT,
    // The row with the focus stays mounted, or the focus would be lost.
    rangeExtractor: (range: Range) => {
      const indexes = defaultRangeExtractor(range);
      return indexes.includes(active) || active >= items.length ? indexes : [...indexes, active].sort((a, b) => a - b);
    },
  });

  useEffect(() => virtualizer.measure(), [virtualizer, items, isNarrow]);

  const move = useCallback(
    (index: number) => {
      const item = items[Math.min(Math.max(index, 0), items.length - 1)];
      if (!item) return;
      if (item.id === activeId) {
        focusActive(list.current);
        return;
      }
      wantsFocus.current = true;
      setActiveId(item.id);
      virtualizer.scrollToIndex(items.indexOf(item));
    },
    [items, virtualizer, activeId],
  );

  useEffect(() => {
    if (!wantsFocus.current) return;
    wantsFocus.current = false;
    focusActive(list.current);
  }, [activeId]);

  function press(event: KeyboardEvent<HTMLDivElement>): void {
    const item = items[active];
    const effect = keyEffect(event.key, items, active, event.target === activeRow(event.currentTarget));
    if (!item || !effect) return;
    event.preventDefault();
    if (effect.type === "move") move(effect.to);
    else if (effect.type === "toggle" && item.type === "group") onToggleGroup(item.group);
    else if (effect.type === "toggle") onToggle(item.id);
    else if (effect.type === "select") onSelect(item.id);
    else {
      const run = parseKey(item.id);
      if (run) navigate(withNamespace(runAddress(run), namespace));
    }
  }

  return (
    <div role="treegrid" aria-label="Runs" aria-rowcount={items.length + 1} aria-multiselectable="true" className={`grid grid-${tab === "ModelServer" ? "servers" : "runs"}`}>
      <ColumnHeads tab={tab} sort={sort} onSort={onSort} />
      <div
        role="rowgroup"
        ref={list}
        className="grid-body"
        style={{ height: virtualizer.getTotalSize() }}
        onKeyDown={press}
        onFocus={() => {
          hasFocus.current = true;
        }}
        onBlur={(event) => {
          // A row that is removed with its focus is not connected any more.
          if (event.target.isConnected) hasFocus.current = event.currentTarget.contains(event.relatedTarget);
        }}
      >
        {virtualizer.getVirtualItems().map(({ index, start, size, key }) => {
          const item = items[index];
          if (!item) return null;
          const isActive = index === active;
          const isSelected = selected.has(item.id);
          return (
            <div
              key={key}
              role="row"
              aria-rowindex={index + 2}
              aria-level={item.type === "group" ? 1 : item.level + 1}
              aria-expanded={item.type === "group" || item.trials > 0 ? item.isOpen : undefined}
              aria-selected={item.type === "run" ? isSelected : undefined}
              tabIndex={isActive ? 0 : -1}
              className={rowClass(item)}
              style={{ height: size, transform: `translateY(${start - virtualizer.options.scrollMargin}px)` }}
              onFocus={() => setActiveId(item.id)}
            >
              {item.type === "group" ? (
                <GroupRow item={item} isActive={isActive} onToggle={onToggleGroup} />
              ) : (
                <RunRow item={item} namespace={namespace} isActive={isActive} isSelected={isSelected} onToggle={onToggle} onSelect={onSelect} onMenu={onMenu} />
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function activeRow(list: HTMLElement | null): HTMLElement | null {
  return list?.querySelector<HTMLElement>('[role="row"][tabindex="0"]') ?? null;
}

function focusActive(list: HTMLElement | null): void {
  activeRow(list)?.focus({ preventScroll: true });
}

function rowClass(item: Item): string {
  return item.type === "group" ? "row row-group" : `row row-run level-${item.level}`;
}

function GroupRow({ item, isActive, onToggle }: { item: Extract<Item, { type: "group" }>; isActive: boolean; onToggle: (group: Group) => void }) {
  return (
    <div role="gridcell" className="cell group-cell">
      <button type="button" className="expand" tabIndex={isActive ? 0 : -1} aria-expanded={item.isOpen} onClick={() => onToggle(item.group)}>
        <StateIcon shape="chevron" />
        {item.label}
        <span className="count">{item.count}</span>
      </button>
    </div>
  );
}

interface Column {
  name: string;
  label: string;
  sort?: SortKey;
}

const COLUMNS: readonly Column[] = [
  { name: "name", label: "Name", sort: "name" },
  { name: "state", label: "State", sort: "state" },
  { name: "progress", label: "Progress", sort: "progress" },
  { name: "metric", label: "Metric", sort: "metric" },
  { name: "spark", label: "Trend" },
  { name: "time", label: "Time", sort: "time" },
  { name: "age", label: "Age", sort: "created" },
];
const SERVER_COLUMNS: readonly Column[] = [
  { name: "name", label: "Name", sort: "name" },
  { name: "state", label: "State", sort: "state" },
  { name: "reason", label: "Reason" },
  { name: "age", label: "Age", sort: "created" },
];

function ColumnHeads({ tab, sort, onSort }: { tab: Tab; sort: Sort; onSort: (key: SortKey) => void }) {
  const columns = tab === "ModelServer" ? SERVER_COLUMNS : COLUMNS;
  return (
    <div role="rowgroup" className="grid-head">
      <div role="row" aria-rowindex={1} className="row">
        <div role="columnheader" className="cell cell-select">
          <span className="visually-hidden">Select</span>
        </div>
        {columns.map(({ name, label, sort: key }) => (
          <div key={name} role="columnheader" className={`cell cell-${name}`} aria-sort={key && key === sort.key ? (isDown(key, sort) ? "descending" : "ascending") : undefined}>
            {key ? (
              <button type="button" className="sort" onClick={() => onSort(key)}>
                {label}
                {key === sort.key && <span aria-hidden="true">{isDown(key, sort) ? "↓" : "↑"}</span>}
              </button>
            ) : (
              label
            )}
          </div>
        ))}
        <div role="columnheader" className="cell cell-menu">
          <span className="visually-hidden">Actions</span>
        </div>
      </div>
    </div>
  );
}

/** Whether the column's values fall. The newest run has the smallest age. */
function isDown(key: SortKey, { isDescending }: Sort): boolean {
  return key === "created" ? !isDescending : isDescending;
}
