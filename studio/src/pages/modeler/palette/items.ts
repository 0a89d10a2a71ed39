// The layers of the palette in the groups of the catalogue, and the search in them. Pure.
import type { Catalogue } from "../catalogue";
import { LAYERS } from "../catalogue";

export interface PaletteItem {
  name: string;
  group: string;
}

export interface PaletteGroup {
  title: string;
  items: PaletteItem[];
}

/** Titles of the catalogue's groups, in the order in which networks use them. Another group follows under its own name. */
const TITLES: Record<string, string> = {
  core: "Core",
  convolutional: "Convolution",
  pooling: "Pooling",
  normalization: "Normalization",
  regularization: "Regularization",
  activations: "Activations",
  reshaping: "Reshaping",
  merging: "Merging",
  rnn: "Recurrent",
  attention: "Attention",
  preprocessing: "Preprocessing and augmentation",
};

/** Returns the layers that a TrainingJob may use, in groups. */
export function paletteGroups(catalogue: Catalogue): PaletteGroup[] {
  const byGroup = new Map<string, PaletteItem[]>();
  for (const group of Object.keys(TITLES)) byGroup.set(group, []);
  const classes = catalogue.modules[LAYERS]?.classes ?? {};
  for (const [name, { group = "other", arguments: known }] of Object.entries(classes)) {
    if (known) byGroup.set(group, [...(byGroup.get(group) ?? []), { name, group }]);
  }
  return [...byGroup]
    .filter(([, items]) => items.length > 0)
    .map(([group, items]) => ({ title: TITLES[group] ?? group, items: items.sort((a, b) => a.name.localeCompare(b.name)) }));
}

/** Returns the items whose names match a search, best first: beginning, then initials as in `mp2` for MaxPooling2D, then any part. */
export function searchItems(groups: readonly PaletteGroup[], text: string): PaletteItem[] {
  const wanted = text.trim().toLowerCase();
  const items = groups.flatMap((group) => group.items);
  if (wanted === "") return items;
  const ranked = items.map((item) => ({ item, rank: rankOf(item, wanted) })).filter(({ rank }) => rank < NO_MATCH);
  return ranked.sort((a, b) => a.rank - b.rank || a.item.name.length - b.item.name.length || a.item.name.localeCompare(b.item.name)).map(({ item }) => item);
}

const NO_MATCH = 4;

function rankOf({ name, group }: PaletteItem, wanted: string): number {
  const lower = name.toLowerCase();
  if (lower.startsWith(wanted)) return 0;
  const initials = name.replace(/[^A-Z0-9]/gu, "").toLowerCase();
  if (initials.startsWith(wanted)) return 1;
  if (lower.includes(wanted)) return 2;
  return (TITLES[group] ?? group).toLowerCase().startsWith(wanted) ? 3 : NO_MATCH;
}
