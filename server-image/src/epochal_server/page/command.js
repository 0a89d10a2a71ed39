// The command of curl that asks the model as the page does.

import { key } from "./client.js";
import { quoted } from "./curl.js";

const MAX_BYTES = 100_000; // Linux takes at most 128 KiB as an argument of a command.

/** Returns a command for a photograph, or for a request as text. */
export function command(model, request) {
  const address = (path) => quoted(new URL(path, new URL(".", document.baseURI)).href);
  const parts = key.get() ? ['-H "Authorization: Bearer $KEY"'] : [];
  if (model.images !== "None") {
    parts.push("-H 'Content-Type: image/jpeg'", "--data-binary @photo.jpg", address("predict"));
  } else {
    const body = request.trim().replace(/\s*\n\s*/g, " "); // No string of JSON has a line break.
    const { length } = new TextEncoder().encode(body);
    const data = length > MAX_BYTES ? "--data @request.json" : `--data-raw ${quoted(body)}`;
    const path = `v2/models/${encodeURIComponent(model.name)}/infer`;
    parts.push("-H 'Content-Type: application/json'", data, address(path));
  }
  return `curl ${parts.join(" \\\n")}`; // Lines are not indented: a wrapped address would begin with an empty line.
}
