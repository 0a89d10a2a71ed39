import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { loadSession } from "./api/session";
import { routeOf } from "./navigation";
import { preload } from "./Workspace";
import "./design.css";
import "./frame.css";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no element with the id root");
preload(routeOf(window.location.pathname, window.location.search));
void loadSession();
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
