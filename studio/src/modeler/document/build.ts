// Plain values of the nodes of a YAML document, bounded, with the faults that the parser does not know.
import { isAlias, isMap, isPair, isScalar, isSeq, type ParsedNode, type Scalar } from "yaml";
import { pathText, type Json } from "../json";

const MAX_DEPTH = 100;
/** Maximum number of values, with those of aliases, which a document may repeat at every level. */
const MAX_VALUES = 50_000;
const MERGE = "<<";
/** Booleans and numbers as the back end resolves them. The parser also takes `e1`, `.`, `1:30` and `08` for numbers. */
const BOOLEAN = /^[a-z]{2,}$/iu;
const INTEGER = /^[-+]?(?:0b[01_]+|0x[\da-f_]+|[\d_]+)$/iu;
const NUMBER = /^(?:[-+]?(?:0b[01_]+|0x[\da-f_]+|0[0-7_]*|[1-9][\d_]*|\d[\d_]*\.[\d_]*(?:e[-+]\d+)?|(?:\.\d+|\d+(?:\.\d*)?)e[-+]?\d+|\.inf)|\.\d[\d_]*(?:e[-+]\d+)?|\.nan)$/iu;

export interface Fault {
  /** Offset in the text. */
  offset: number;
  message: string;
}

interface Built {
  value: Json;
  /** Number of values in it. */
  size: number;
}

/** A document that is too deep or too large: no part of it is usable. */
export class TooLarge extends Error {
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

/** Returns the value of a node, and its faults. Parts with faults are null.
 *
 * A key, and a scalar that only the parser takes for a number or a boolean, becomes a text in the nodes, too.
 *
 * Throws TooLarge.
 */
export function build(root: ParsedNode | null): { value: Json; faults: Fault[] } {
  const builder = new Builder();
  return { value: root ? builder.node(root, 0).value : null, faults: builder.faults };
}

class Builder {
  readonly faults: Fault[] = [];
  /** Values of the anchors above; null while the value is being built, so that a cycle is found. */
  readonly #anchors = new Map<string, Built | null>();
  readonly #path: (string | number)[] = [];
  #size = 0;

  node(node: ParsedNode, depth: number): Built {
    const offset = node.range[0];
    if (depth > MAX_DEPTH) throw new TooLarge(offset, `It has more than ${MAX_DEPTH} levels: use fewer.`);
    if (isAlias(node)) return this.#alias(node.source, offset);
    const { anchor } = node;
    if (anchor) this.#anchors.set(anchor, null);
    const built = isMap(node) ? this.#map(node.items, depth) : isSeq(node) ? this.#list(node.items, depth) : { value: this.#scalar(node, offset), size: 1 };
    this.#count(1, offset);
    if (anchor) this.#anchors.set(anchor, built);
    return built;
  }

  #count(size: number, offset: number): void {
    this.#size += size;
    if (this.#size > MAX_VALUES) throw new TooLarge(offset, `It has more than ${MAX_VALUES.toLocaleString("en")} values, with those that aliases repeat: use fewer.`);
  }

  #alias(name: string, offset: number): Built {
    const found = this.#anchors.get(name);
    if (found) {
      this.#count(found.size, offset);
      return found;
    }
    const message = found === null ? `The alias *${name} is inside of its own anchor, a cycle: write the value.` : `The alias *${name} has no anchor &${name} above it.`;
    return this.#fault(offset, message);
  }

  #fault(offset: number, message: string): Built {
    this.faults.push({ offset, message });
    return { value: null, size: 1 };
  }

  #scalar(node: Scalar, offset: number): Json {
    const { value } = node;
    if (value === undefined || value === null) return null;
    const known = typeof value === "boolean" ? BOOLEAN : typeof value === "number" ? NUMBER : null;
    if (node.type === "PLAIN" && node.source !== undefined && known?.test(node.source) === false) return (node.value = node.source);
    if (typeof value === "number" && !Number.isSafeInteger(value) && INTEGER.test(node.source ?? "")) {
      return this.#fault(offset, `${pathText(this.#path) || "The value"} is ${node.source}. Studio reads integers up to ${Number.MAX_SAFE_INTEGER} exactly, so it would round this one: change it with kubectl.`).value;
    }
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
    // << as a value.
    if (typeof value === "symbol") return node.source ?? MERGE;
    return this.#fault(offset, "It has a type that JSON lacks: write it as text or number.").value;
  }

  #list(items: readonly unknown[], depth: number): Built {
    let size = 1;
    const value = items.map((item, index) => {
      this.#path.push(index);
      // [a: 1] is a list with a map.
      const built = isPair(item) ? this.#map([item], depth + 1) : this.node(item as ParsedNode, depth + 1);
      this.#path.pop();
      size += built.size;
      return built.value;
    });
    return { value, size };
  }

  #map(items: readonly unknown[], depth: number): Built {
    const entries = new Map<string, Json>();
    const merged: Json[] = [];
    let size = 1;
    for (const item of items) {
      const { key, value } = item as { key: ParsedNode | null; value: ParsedNode | null };
      const name = keyOf(key);
      const offset = key?.range[0] ?? 0;
      if (name === null) {
        this.#fault(offset, "A key must be text.");
        continue;
      }
      if (isScalar(key) && ["boolean", "number"].includes(typeof key.value)) key.value = name as typeof key.value;
      if (key && !isAlias(key) && key.anchor) this.#anchors.set(key.anchor, { value: name, size: 1 });
      this.#path.push(name);
      const built = value ? this.node(value, depth + 1) : { value: null, size: 1 };
      this.#path.pop();
      size += built.size;
      if (isMerge(key)) merged.push(built.value);
      else if (entries.has(name)) this.#fault(offset, `The key ${name} is there already: remove one of them.`);
      else entries.set(name, built.value);
    }
    for (const each of merged.flatMap((value) => (Array.isArray(value) ? (value as Json[]) : [value]))) {
      if (typeof each !== "object" || each === null || Array.isArray(each)) continue;
      for (const [name, value] of Object.entries(each)) if (!entries.has(name)) entries.set(name, value as Json);
    }
    // fromEntries and not an assignment: __proto__ is a key as any other.
    return { value: Object.fromEntries(entries), size };
  }
}

/** Returns the text of a key; null if it is no text, number or boolean. */
export function keyOf(key: unknown): string | null {
  if (!isScalar(key)) return null;
  return typeof key.value === "string" ? key.value : (key.source ?? String(key.value));
}

/** Whether a key merges the fields of other maps. */
export function isMerge(key: unknown): boolean {
  return isScalar(key) && key.type === "PLAIN" && keyOf(key) === MERGE;
}
