// A thread for layouts, so that the page stays responsive.
import { layered } from "./dagre";
import type { LayoutQuestion } from "./types";

self.onmessage = ({ data }: MessageEvent<LayoutQuestion>) => self.postMessage(layered(data));
