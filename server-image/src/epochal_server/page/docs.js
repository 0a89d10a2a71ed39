// The page of the API: what stands in openapi.json, for people, with a command for each request.

import { ask, key } from "./client.js";
import { copyable } from "./copy.js";
import { curl, examples } from "./curl.js";
import { byId } from "./document.js";
import { make } from "./make.js";
import { Refusal } from "./refusal.js";

const METHODS = ["get", "post", "put", "patch", "delete", "head"];

/** Returns what a part of the document stands for, where it only refers to another. */
function resolved(document, part) {
  for (let seen = 0; part?.$ref && seen < 8; seen += 1) {
    const names = part.$ref.slice(2).split("/").map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
    part = names.reduce((where, name) => where?.[name], document);
  }
  return part ?? {};
}

/** Returns text with its `code` marked. */
function marked(text) {
  return (text ?? "").split("`").map((part, index) => (index % 2 ? make("code", {}, part) : part));
}

/** Returns text with a paragraph for each of its own. */
function prose(text) {
  return (text ?? "").split(/\n{2,}/).filter(Boolean).map((paragraph) => make("p", {}, ...marked(paragraph)));
}

function schema(document, of, depth = 0) {
  const found = resolved(document, of);
  if (found.const !== undefined) return JSON.stringify(found.const);
  if (found.enum) return found.enum.map((one) => JSON.stringify(one)).join(" | ");
  const choice = found.oneOf ?? found.anyOf;
  if (choice) return choice.map((one) => schema(document, one, depth)).join(" | ");
  if (found.type === "array") return `[${schema(document, found.items, depth)}, …]`;
  if (found.type === "object" && found.properties && depth < 4) {
    const inner = "  ".repeat(depth + 1);
    const lines = Object.entries(found.properties).map(([name, value]) => {
      const optional = found.required?.includes(name) ? "" : "?";
      return `${inner}${JSON.stringify(name)}${optional}: ${schema(document, value, depth + 1)}`;
    });
    return `{\n${lines.join(",\n")}\n${"  ".repeat(depth)}}`;
  }
  return [found.type ?? "any"].flat().join(" | ") + (found.format ? ` (${found.format})` : "");
}

function block(label, text) {
  return make("pre", { tabIndex: 0, ariaLabel: label }, text);
}

function parameters(document, list) {
  if (list.length === 0) return [];
  const rows = list.flatMap((one) => [
    make("dt", {}, make("code", {}, one.name), ` ${one.in}${one.required && one.in !== "path" ? ", required" : ""}`),
    make("dd", {}, ...prose(one.description), make("span", { className: "quiet" }, schema(document, one.schema))),
  ]);
  return [make("h4", {}, "Parameters"), make("dl", {}, ...rows)];
}

const indented = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));

function content(document, of) {
  return Object.entries(resolved(document, of).content ?? {}).flatMap(([type, one]) => {
    const shown = examples(one).map(([name, value]) => block(`Example ${name}`, indented(value)));
    const form = one.schema && shown.length === 0 ? [block(`Form of ${type}`, schema(document, one.schema))] : shown;
    return [make("p", { className: "quiet" }, type), ...(type.includes("json") ? form : [])];
  });
}

/** Returns what is shown once somebody asks for it. */
function folded(title, about, ...inner) {
  return make("details", {}, make("summary", {}, make("strong", {}, title), " ", ...about), ...inner);
}

/** Returns what is answered: what is so asked for, and all that may be refused, in one place. */
function answers(document, responses = {}) {
  const all = Object.entries(responses).map(([status, response]) => ({ status, ...resolved(document, response) }));
  const given = all.filter(({ status }) => status.startsWith("2"));
  const refused = all.filter(({ status }) => !status.startsWith("2"));
  const parts = given.map((one) => folded(one.status, marked(one.description), ...content(document, one)));
  if (refused.length) {
    const rows = refused.flatMap((one) => [make("dt", {}, one.status), make("dd", {}, ...marked(one.description))]);
    const statuses = refused.map(({ status }) => status).join(", ");
    parts.push(folded(statuses, ["What is refused"], make("dl", {}, ...rows), ...content(document, refused[0])));
  }
  return parts.length ? [make("h4", {}, "Answers"), ...parts] : [];
}

function operation(document, path, method, shared, of) {
  const about = resolved(document, of);
  const taken = [...(shared ?? []), ...(about.parameters ?? [])].map((one) => resolved(document, one));
  const body = resolved(document, about.requestBody);
  const id = `${method}${path}`.replace(/[^a-z0-9]+/gi, "-");
  const verb = make("span", { className: `method ${method}` }, method.toUpperCase());
  const title = make("h3", { id }, verb, " ", make("code", {}, path));
  const commands = curl(path, method, taken, body, { key: Boolean(key.get()) });
  const parts = [title, ...prose(about.summary), ...prose(about.description), ...parameters(document, taken)];
  for (const [name, command] of commands) parts.push(make("h4", {}, name), copyable("Command", command).element);
  parts.push(...answers(document, about.responses));
  return { id, title: about.summary ?? path, section: make("section", { className: "card operation" }, ...parts) };
}

function show(document) {
  const { info = {}, paths = {}, tags = [] } = document;
  window.document.title = info.title ?? "API";
  byId("title").textContent = info.title ?? "API";
  byId("version").textContent = info.version ? `version ${info.version}` : "";
  byId("description").replaceWith(make("div", { id: "description", className: "prose" }, ...prose(info.description)));
  const groups = new Map(tags.map(({ name, description }) => [name, { description, operations: [] }]));
  for (const [path, item] of Object.entries(paths)) {
    for (const method of METHODS.filter((one) => item[one])) {
      const [tag = "Other"] = item[method].tags ?? [];
      if (!groups.has(tag)) groups.set(tag, { operations: [] });
      groups.get(tag).operations.push(operation(document, path, method, item.parameters, item[method]));
    }
  }
  const used = [...groups].filter(([, group]) => group.operations.length);
  const links = used.map(([tag, { operations }]) => {
    const items = operations.map(({ id, title }) => make("li", {}, make("a", { href: `#${id}` }, title)));
    return make("div", {}, make("h2", {}, tag), make("ul", {}, ...items));
  });
  byId("contents").replaceChildren(...links);
  byId("contents").hidden = false;
  const sections = used.flatMap(([tag, { description, operations }]) => [
    make("h2", { className: "tag" }, tag),
    ...prose(description),
    ...operations.map(({ section }) => section),
  ]);
  byId("operations").replaceChildren(...sections);
  if (location.hash) byId(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
}

try {
  show(await ask("openapi.json"));
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  const toDo = "This model asks for a key: type it in on the page of the model, in this tab, and come back.";
  const why = error.status === 401 ? toDo : error.message;
  byId("operations").replaceChildren(make("p", { className: "refusal", role: "alert" }, why));
}
