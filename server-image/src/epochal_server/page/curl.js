// Commands of curl for an operation of OpenAPI.

/** Returns text as a single argument for a shell. */
export const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const FILES = { "image/jpeg": "photo.jpg", "image/png": "photo.png", "image/webp": "photo.webp" };

/** Returns the examples of a body, by their names. */
export function examples(media) {
  if (media.example !== undefined) return [["", media.example]];
  return Object.entries(media.examples ?? {}).map(([name, one]) => [one.summary ?? name, one.value ?? one]);
}

function value({ example, schema = {}, name }) {
  return String(example ?? schema.example ?? schema.default ?? schema.const ?? schema.enum?.[0] ?? `{${name}}`);
}

/** Returns where a request goes, with the path and what must be in the query filled in. */
function address(path, parameters) {
  let filled = path;
  const query = new URLSearchParams();
  for (const one of parameters) {
    if (one.in === "path") filled = filled.replace(`{${one.name}}`, value(one));
    if (one.in === "query" && one.required) query.set(one.name, value(one));
  }
  const base = new URL(".", document.baseURI).href.replace(/\/$/, "");
  return base + filled + (query.size ? `?${query}` : "");
}

function data(type, body) {
  if (type.startsWith("multipart/")) return "-F photographs=@one.jpg -F photographs=@two.jpg";
  const header = `-H ${quoted(`Content-Type: ${type}`)}`;
  if (FILES[type]) return `${header} --data-binary @${FILES[type]}`;
  return `${header} --data ${quoted(typeof body === "string" ? body : JSON.stringify(body))}`;
}

/** Returns commands, by what they show. */
export function curl(path, method, parameters, body, { key }) {
  const parts = ["curl", ...(method === "get" || method === "post" ? [] : [`-X ${method.toUpperCase()}`])];
  if (key) parts.push('-H "Authorization: Bearer $KEY"');
  const where = quoted(address(path, parameters));
  const media = Object.entries(body.content ?? {});
  if (media.length === 0) {
    if (method === "post") parts.push("-X POST");
    return [["Try it", [...parts, where].join(" ")]];
  }
  return media.flatMap(([type, one]) => {
    const bodies = examples(one);
    // Of other bodies without an example nobody could tell what to send.
    if (bodies.length === 0 && (FILES[type] || type.startsWith("multipart/"))) bodies.push(["", undefined]);
    return bodies.map(([name, example]) => {
      const title = name || (media.length > 1 ? type : "Try it");
      return [title, `${parts.join(" ")} ${data(type, example)} \\\n${where}`];
    });
  });
}
