// The layers of Keras to add: a search, and a list in the catalogue's groups. The focus stays in the search while the
// arrow keys move through the list, as in a combobox.
import { useEffect, useId, useMemo, useRef, useState, type KeyboardEvent } from "react";
import { StateIcon } from "../../../parts/icons";
import type { Catalogue } from "../catalogue";
import { paletteGroups, searchItems, type PaletteGroup, type PaletteItem } from "./items";

interface Props {
  catalogue: Catalogue;
  /** Where a layer is added, in words, such as `after Dense`. */
  place: string;
  onAdd: (name: string) => void;
}

export function Palette({ catalogue, place, onAdd }: Props) {
  const id = useId();
  const [text, setText] = useState("");
  const [active, setActive] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const groups = useMemo(() => paletteGroups(catalogue), [catalogue]);
  const found = useMemo(() => searchItems(groups, text), [groups, text]);
  const shown: PaletteGroup[] = text.trim() ? [{ title: found.length === 1 ? "1 layer" : `${found.length} layers`, items: found }] : groups;
  const chosen = found[Math.min(active, found.length - 1)];

  useEffect(() => {
    if (list.current) scrollToItem(list.current, list.current.querySelector('[aria-selected="true"]'));
  }, [chosen]);

  function press(event: KeyboardEvent): void {
    const steps: Record<string, number> = { ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + 8, PageUp: active - 8 };
    const to = steps[event.key];
    if (to !== undefined && found.length > 0) {
      event.preventDefault();
      setActive(Math.max(0, Math.min(found.length - 1, to)));
    } else if (event.key === "Enter" && chosen) {
      event.preventDefault();
      onAdd(chosen.name);
      // The next word replaces this one.
      if (event.target instanceof HTMLInputElement) event.target.select();
    } else if (event.key === "Escape" && text) {
      event.preventDefault();
      setText("");
      setActive(0);
    }
  }

  return (
    <section className="palette" aria-labelledby={`${id}-title`}>
      <div className="panel-head">
        <h2 id={`${id}-title`}>Layers</h2>
        <span className="hint">{place}</span>
      </div>
      <div className="search">
        <StateIcon shape="search" />
        <input
          type="search"
          role="combobox"
          aria-label="Search layers"
          aria-expanded="true"
          aria-controls={`${id}-list`}
          aria-autocomplete="list"
          aria-activedescendant={chosen ? optionId(id, chosen) : undefined}
          aria-keyshortcuts="/"
          data-shortcut="palette"
          placeholder="Search, Enter adds"
          value={text}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => {
            setText(event.target.value);
            setActive(0);
          }}
          onKeyDown={press}
        />
      </div>
      <div ref={list} id={`${id}-list`} className="palette-list" role="listbox" aria-label="Layers of Keras" tabIndex={-1}>
        {shown.map((group) => (
          <div key={group.title} role="group" aria-label={group.title}>
            <h3 aria-hidden="true">{group.title}</h3>
            {group.items.map((item) => (
              <div
                key={item.name}
                id={optionId(id, item)}
                role="option"
                aria-selected={item === chosen}
                className={`palette-item group-${item.group}`}
                onClick={() => {
                  setActive(found.indexOf(item));
                  onAdd(item.name);
                }}
              >
                <span className="swatch" aria-hidden="true" />
                {item.name}
              </div>
            ))}
          </div>
        ))}
      </div>
      {found.length === 0 && (
        <p className="hint palette-none" role="status">
          Keras has no layer with this name that a TrainingJob may use.
        </p>
      )}
    </section>
  );
}

function optionId(id: string, { name }: PaletteItem): string {
  return `${id}-${name}`;
}

/** Room above an item, in pixels, for the heading of its group. */
const HEADING = 40;

/** Scrolls the list to an item. Not scrollIntoView: it scrolls the page, too, where the palette is below the network. */
function scrollToItem(list: Element, item: Element | null): void {
  if (!item) return;
  const [view, place] = [list.getBoundingClientRect(), item.getBoundingClientRect()];
  if (place.top - HEADING < view.top) list.scrollTop += place.top - HEADING - view.top;
  else if (place.bottom > view.bottom) list.scrollTop += place.bottom - view.bottom;
}
