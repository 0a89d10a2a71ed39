// Fails if a part of the pages is larger than its budget: the first load, which is the first requests and the list of
// runs; what the modeler adds; and what its YAML editor adds. A part is its chunk with everything that the chunk imports statically.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const KILO = 1000;
const dist = new URL("../dist/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL(".vite/manifest.json", dist), "utf8"));

/** Parts in the order in which a user loads them: each counts the files that no part above has. */
const PARTS = [
  // The first requests wait for this part alone. With the next one, it is the first load: 150 kB.
  { name: "first requests", entries: ["index.html"], budget: 15 * KILO },
  // The list of runs is the first page of most visits.
  { name: "list of runs", entries: ["src/root.tsx", "src/pages/runs/RunsPage.tsx"], budget: 135 * KILO },
  // The worker computes the layout beside the page. The manifest has no workers, so its file is named here.
  { name: "modeler", entries: ["src/pages/modeler/ModelerPage.tsx"], assets: /layout.*worker/iu, budget: 150 * KILO },
  { name: "YAML editor", entries: ["src/pages/modeler/yaml/YamlEditor.tsx"], budget: 150 * KILO },
];

/** Adds the files of a chunk, and of the chunks that it imports statically. */
function collect(name, files) {
  const chunk = manifest[name];
  if (files.has(chunk.file)) return;
  files.add(chunk.file);
  for (const css of chunk.css ?? []) files.add(css);
  for (const asset of chunk.assets ?? []) files.add(asset);
  for (const imported of chunk.imports ?? []) collect(imported, files);
}

const counted = new Set();
for (const { name, entries, assets, budget } of PARTS) {
  const files = new Set(entries.includes("index.html") ? ["index.html"] : []);
  for (const entry of entries) {
    const found = Object.keys(manifest).find((each) => each === entry || each.endsWith(entry));
    if (!found) throw new Error(`The build has no chunk of its own for ${entry}: import it with import().`);
    collect(found, files);
  }
  if (assets) for (const { file } of Object.values(manifest)) if (assets.test(file)) files.add(file);
  let total = 0;
  for (const file of files) {
    if (counted.has(file)) continue;
    counted.add(file);
    const size = gzipSync(readFileSync(fileURLToPath(new URL(file, dist)))).length;
    total += size;
    console.log(`${String(size).padStart(8)}  ${file}`);
  }
  console.log(`${String(total).padStart(8)}  ${name}, of at most ${budget} bytes (gzip)\n`);
  if (total > budget) {
    console.error(`The part "${name}" is above its budget: load something on demand, or leave a library out.`);
    process.exitCode = 1;
  }
}
