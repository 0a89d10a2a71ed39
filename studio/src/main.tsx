// The entry. It is small, so that the first requests do not wait for the code that draws the pages.
import { start } from "./start";
import { dropEarly } from "./stream/early";
import "./design.css";
import "./frame.css";

void start(window.location);
import("./root").catch(() => {
  dropEarly();
  const text = "Studio could not load a part of its pages. Reload this page. If it stays so, the network or Studio is down.";
  document.getElementById("root")?.replaceChildren(text);
});
