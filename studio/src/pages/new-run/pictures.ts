// Samples as pixels of a canvas. Pure.
import type { SamplePicture } from "../../wire";

/** Maximum pixels of a side: a greater picture is no sample of the back end. */
const MAX_SIDE = 4096;

/** Returns the pixels of a sample as red, green, blue and opacity; undefined if their number is wrong. */
export function rgbaOf({ width, height, channels, pixels }: SamplePicture): Uint8ClampedArray<ArrayBuffer> | undefined {
  if (width < 1 || height < 1 || width > MAX_SIDE || height > MAX_SIDE) return undefined;
  let bytes: string;
  try {
    bytes = atob(pixels);
  } catch {
    return undefined;
  }
  if (bytes.length !== width * height * channels) return undefined;
  const result = new Uint8ClampedArray(width * height * 4);
  for (let pixel = 0; pixel < width * height; pixel += 1) {
    for (let colour = 0; colour < 3; colour += 1) {
      result[pixel * 4 + colour] = bytes.charCodeAt(pixel * channels + (channels === 3 ? colour : 0));
    }
    result[pixel * 4 + 3] = 255;
  }
  return result;
}

/** A class with its samples, for a list of bars. */
export interface ClassBar {
  name: string;
  count: number;
  /** Share of the largest class, between 0 and 1. */
  part: number;
}

/** Returns the classes in the order of their numbers, or else of their names. */
export function classBars(classes: Readonly<Record<string, number>>): ClassBar[] {
  const most = Math.max(1, ...Object.values(classes));
  return Object.entries(classes)
    .map(([name, count]) => ({ name, count, part: count / most }))
    .sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
}
