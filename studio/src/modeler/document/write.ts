// Writes another value into the text of a document: only the parts that differ are replaced, so that comments, order and
// notation of all others stay.
import { isAlias, isMap, isScalar, isSeq, type ParsedNode } from "yaml";
import type { TextChange } from "../change";
import { applyChanges } from "../change";
import { isEqual, isList, isObject, type Json, type JsonObject } from "../json";
import { isMerge, keyOf } from "./build";
import { ListWriter } from "./list";
import { deletedFields, insertedFields } from "./map";
import { startOfLine } from "./lines";
import { endOf, isEmpty, type ParsedPair } from "./nodes";
import { parseDocument, type ModelerDocument } from "./parse";
import { behindKey, flow, inBlock } from "./stringify";

/** The old objects of new ones: an item of a list that has changed, and moved perhaps. */
export type Origins = ReadonlyMap<Json, Json>;

/** The text has parts, such as anchors, in which the value cannot be written. */
export class NotWritable extends Error {}

/** Returns the document with another value.
 *
 * Throws NotWritable.
 */
export function writeValue(document: ModelerDocument, value: JsonObject, origins: Origins = new Map()): ModelerDocument {
  if (isEqual(document.value, value)) return document;
  const text = applyChanges(document.text, new Writer(document.text, origins).node(document.root, document.value, value, 0, false));
  const { document: written, problems } = parseDocument(text);
  if (!written) throw new NotWritable(problems[0]?.message ?? "");
  // An anchor with several aliases, for example, would change at each of them.
  if (!isEqual(written.value, value)) throw new NotWritable("");
  return written;
}

export class Writer {
  readonly text: string;
  readonly origins: Origins;

  constructor(text: string, origins: Origins) {
    this.text = text;
    this.origins = origins;
  }

  /** Returns the changes that give a node another value.
   *
   * `indent` is the column of the key, or of the dash, in front of the node; `isFlow` is whether it is inside of [] or {}.
   */
  node(node: ParsedNode, before: Json, after: Json, indent: number, isFlow: boolean): TextChange[] {
    if (before === after || isEqual(before, after)) return [];
    if (isMap(node) && isObject(before) && isObject(after) && (node.items.length > 0 || isFlow) && Object.keys(after).length > 0) return this.#map(node, before, after, isFlow);
    if (isSeq(node) && isList(before) && isList(after) && after.length > 0 && before.length > 0) {
      const changes = new ListWriter(this, node, isFlow).changes(before, after);
      if (changes) return changes;
    }
    return [this.#replace(node, after, indent, isFlow)];
  }

  #map(node: ParsedNode, before: JsonObject, after: JsonObject, isInFlow: boolean): TextChange[] {
    if (!isMap(node)) return [];
    const isFlow = isInFlow || Boolean(node.flow);
    const pairs = node.items as unknown as ParsedPair[];
    const own = new Map(pairs.filter(({ key }) => !isMerge(key)).map((pair) => [keyOf(pair.key) ?? "", pair]));
    const changes: TextChange[] = [];
    for (const [key, pair] of own) {
      const value = after[key];
      if (value === undefined || isEqual(before[key], value)) continue;
      changes.push(...this.#field(pair, before[key] ?? null, value, isFlow));
    }
    const gone = pairs.filter(({ key }) => !isMerge(key) && !Object.hasOwn(after, keyOf(key) ?? ""));
    // A key of a merged map is set above it.
    const added = Object.entries(after).filter(([key, value]) => !own.has(key) && !isEqual(before[key], value));
    if (gone.length === pairs.length) return [this.#replace(node, after, this.column(node.range[0]), isFlow)];
    changes.push(...deletedFields(this.text, pairs, gone, isFlow));
    changes.push(...insertedFields(this, node.range[0], pairs, gone, Object.keys(after), added, isFlow));
    return changes;
  }

  #field(pair: ParsedPair, before: Json, after: Json, isFlow: boolean): TextChange[] {
    const column = this.column(pair.key.range[0]);
    if (pair.value && !isEmpty(pair.value)) return this.node(pair.value, before, after, column, isFlow);
    const colon = pair.srcToken?.sep?.find(({ type }) => type === "map-value-ind");
    if (!colon) return [{ from: pair.key.range[1], to: pair.key.range[1], insert: `: ${flow(after)}` }];
    return [{ from: colon.offset + 1, to: colon.offset + 1, insert: isFlow ? ` ${flow(after)}` : behindKey(after, column) }];
  }

  /** Returns the change that writes a whole node anew. */
  #replace(node: ParsedNode, after: Json, indent: number, isFlow: boolean): TextChange {
    const from = node.range[0];
    const to = isAlias(node) ? node.range[1] : endOf(node, this.text);
    if (isFlow) return { from, to, insert: flow(after) };
    const isScalarNow = !isObject(after) && !isList(after);
    if (isScalarNow && isScalar(node)) return { from, to, insert: this.#likeBefore(node.type, after) };
    const colon = this.text.slice(0, from).trimEnd().length;
    const behind = this.text[colon - 1] === ":" && !this.text.slice(colon, from).includes("#") ? behindKey(after, indent) : null;
    return behind === null ? { from, to, insert: inBlock(after) } : { from: colon, to, insert: behind };
  }

  /** Returns a scalar with the quotes of the one before it. */
  #likeBefore(type: string | undefined, value: Json): string {
    if (typeof value !== "string") return inBlock(value);
    if (type === "QUOTE_DOUBLE") return JSON.stringify(value);
    const isSimple = /^[\x20-\x7e]*$/u.test(value);
    return type === "QUOTE_SINGLE" && isSimple ? `'${value.replaceAll("'", "''")}'` : inBlock(value);
  }

  column(offset: number): number {
    return offset - startOfLine(this.text, offset);
  }

}
