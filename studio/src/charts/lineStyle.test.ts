import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { MAX_LINES, SERIES, lineStyle } from "./lineStyle";

test("no two lines of a chart have the same colour and dash", () => {
  const styles = Array.from({ length: MAX_LINES }, (_, index) => lineStyle(index));
  expect(new Set(styles.map((style) => `${style.series} ${style.dash.join(" ")}`)).size).toBe(MAX_LINES);
});

const [light = "", dark = ""] = readFileSync("src/design.css", "utf8").split("prefers-color-scheme: dark");

test.each([
  ["light", light],
  ["dark", dark],
])("each %s colour has a contrast of 3:1 with the surface of a chart", (_, css) => {
  for (let series = 1; series <= SERIES; series += 1) {
    expect(contrast(variable(css, `series-${series}`), variable(css, "surface"))).toBeGreaterThanOrEqual(3);
  }
});

/** Returns the colour of a CSS variable, as six hexadecimal digits. */
function variable(css: string, name: string): string {
  const found = new RegExp(`--${name}: #([0-9a-f]+);`, "u").exec(css)?.[1] ?? "";
  return found.length === 3 ? [...found].map((digit) => digit + digit).join("") : found;
}

/** Returns the contrast of two colours, as WCAG defines it. */
function contrast(one: string, other: string): number {
  const [low = 0, high = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [0, 2, 4].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
