// The command of curl that sends the same request as the page.

import { quoted } from "./curl.js";

const MAX_BYTES = 100_000; // Linux takes at most 128 KiB as an argument of a command.

/**
 * Returns a command for a photograph, or for a request as text.
 *
 * `address` is the URL of the server with a slash at its end, `header` an argument for the key, such as
 * -H "X-API-Key: $KEY", or empty without one.
 */
export function command(model, request, { address, header }) {
  const url = (path) => quoted(new URL(path, address).href);
  const parts = header ? [header] : [];
  if (model.images !== "None") {
    parts.push("-H 'Content-Type: image/jpeg'", "--data-binary @photo.jpg", url("predict"));
  } else {
    const body = request.trim().replace(/\s*\n\s*/g, " "); // No string of JSON has a line break.
    const { length } = new TextEncoder().encode(body);
    const data = length > MAX_BYTES ? "--data @request.json" : `--data-raw ${quoted(body)}`;
    const path = `v2/models/${encodeURIComponent(model.name)}/infer`;
    parts.push("-H 'Content-Type: application/json'", data, url(path));
  }
  return `curl ${parts.join(" \\\n")}`; // Lines are not indented: a wrapped address would begin with an empty line.
}
