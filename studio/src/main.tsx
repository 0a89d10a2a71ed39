import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { start } from "./start";
import "./design.css";
import "./frame.css";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no element with the id root");
void start(window.location);
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
