// The entry. It is small, so that the first requests do not wait for the code that draws the pages.
import { start } from "./start";
import "./design.css";
import "./frame.css";

void start(window.location);
void import("./root");
