// Fails if the first load of the pages is larger than its budget: the scripts and styles that index.html names, with
// everything that these scripts import statically.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const FIRST_LOAD = 150 * 1000;
const dist = new URL("../dist/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL(".vite/manifest.json", dist), "utf8"));

/** Adds the files of a chunk, and of the chunks that it imports statically. */
function collect(name, files) {
  const chunk = manifest[name];
  if (files.has(chunk.file)) return;
  files.add(chunk.file);
  for (const css of chunk.css ?? []) files.add(css);
  for (const imported of chunk.imports ?? []) collect(imported, files);
}

const files = new Set(["index.html"]);
collect("index.html", files);
// The list of runs is the first page of most visits.
const list = Object.keys(manifest).find((name) => name.endsWith("src/pages/runs/RunsPage.tsx"));
if (list) collect(list, files);

let total = 0;
for (const file of files) {
  const size = gzipSync(readFileSync(fileURLToPath(new URL(file, dist)))).length;
  total += size;
  console.log(`${String(size).padStart(8)}  ${file}`);
}
console.log(`${String(total).padStart(8)}  first load, of at most ${FIRST_LOAD} bytes (gzip)`);
if (total > FIRST_LOAD) {
  console.error("The first load is above its budget: load a part of it on demand, or leave a library out.");
  process.exitCode = 1;
}
