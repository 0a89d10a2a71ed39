// Places of the nodes of a YAML document in its text.
import { isAlias, isMap, isPair, isScalar, isSeq, type CST, type Pair, type ParsedNode } from "yaml";
import type { Path } from "../json";
import { keyOf } from "./build";

type Token = CST.Token;
type SourceToken = CST.SourceToken;

/** Returns the node at a path, or the nearest node around it, with the key of its field. */
export function nodeAt(root: ParsedNode, path: Path): { node: ParsedNode; key: ParsedNode | null } {
  let node = root;
  let key: ParsedNode | null = null;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find((each) => keyOf(each.key) === String(step));
      if (!pair) break;
      key = pair.key as ParsedNode;
      node = (pair.value as ParsedNode | null) ?? key;
    } else if (isSeq(node) && typeof step === "number") {
      const item: unknown = node.items[step];
      if (item === undefined || isPair(item)) break;
      key = null;
      node = item as ParsedNode;
    } else {
      break;
    }
  }
  return { node, key };
}

/** Returns the end of the text of a node, without comments and line ends behind it. */
export function endOf(node: ParsedNode, text: string): number {
  const [from, to] = node.range;
  if (isMap(node) && !node.flow) {
    const last = node.items.at(-1);
    return last ? endOfPair(last as unknown as ParsedPair, text) : from;
  }
  if (isSeq(node) && !node.flow) {
    const last = itemsOf(node).at(-1);
    return last ? last.to(text) : from;
  }
  let end = to;
  // A block scalar contains the end of its last line.
  while (isScalar(node) && end > from && (text[end - 1] === "\n" || text[end - 1] === "\r")) end--;
  return end;
}

export type ParsedPair = Pair<ParsedNode, ParsedNode | null> & { srcToken?: { start: SourceToken[]; sep?: SourceToken[]; key?: Token | null } };

/** Returns the start of a field: its ?, or the anchor, tag or text of its key. */
export function startOfPair(pair: ParsedPair): number {
  const first = pair.srcToken?.start.find(({ type }) => type === "explicit-key-ind" || type === "anchor" || type === "tag");
  return first ? first.offset : pair.key.range[0];
}

/** Returns the end of a field, without comments and line ends behind it. */
export function endOfPair(pair: ParsedPair, text: string): number {
  const { value } = pair;
  if (value && !isEmpty(value)) return endOf(value, text);
  let end = pair.key.range[1];
  for (const token of pair.srcToken?.sep ?? []) {
    if (token.type === "map-value-ind" || token.type === "anchor" || token.type === "tag") end = token.offset + token.source.length;
  }
  return end;
}

/** Whether a node has no text, as the value of `key:`. */
export function isEmpty(node: ParsedNode): boolean {
  return node.range[0] === node.range[1] && !isAlias(node) && isScalar(node) && (node.source ?? "") === "";
}

/** An item of a list in the text. */
export interface ListItem {
  /** Begin: its dash, or in [a, b] its own begin. */
  from: number;
  /** End without comments and line ends behind it. */
  to: (text: string) => number;
  node: ParsedNode;
}

/** Returns the items of a list with their places; fewer than the list has if a place is unknown. */
export function itemsOf(list: ParsedNode): ListItem[] {
  if (!isSeq(list)) return [];
  const token = (list as { srcToken?: Token }).srcToken;
  if (token?.type === "block-seq") {
    const written = token.items.filter(({ start, value }) => value || start.some(({ type }) => type === "seq-item-ind" || type === "anchor" || type === "tag"));
    return list.items.flatMap((node, index) => {
      const dash = written[index]?.start.find(({ type }) => type === "seq-item-ind");
      const item = node as ParsedNode;
      return dash ? [{ from: dash.offset, to: (text: string) => Math.max(dash.offset + 1, isEmpty(item) ? dash.offset + 1 : endOf(item, text)), node: item }] : [];
    });
  }
  if (token?.type === "flow-collection") {
    return list.items.flatMap((node) => {
      const item = node as ParsedNode;
      if (isPair(item) || isEmpty(item)) return [];
      return [{ from: item.range[0], to: (text: string) => endOf(item, text), node: item }];
    });
  }
  return [];
}
