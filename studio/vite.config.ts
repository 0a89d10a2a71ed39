import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { mockBackEnd } from "./mock/server.ts";

/** The page of a model server: its pad, photographs and answers are those of Studio. src/server-page has their types. */
const SERVER_PAGE = fileURLToPath(new URL("../server-image/src/epochal_server/page", import.meta.url));

/** What React Flow needs of the libraries of animations. */
const D3_INSTANT = fileURLToPath(new URL("src/pages/modeler/canvas/d3Instant.ts", import.meta.url));

/** Parts of React Flow that the canvas does not use: the build leaves out their rules of its style sheet. */
const REACT_FLOW_UNUSED = [
  ..."controls controls-button edge-text edge-textwrapper edgeupdater minimap minimap-mask minimap-node minimap-svg".split(" "),
  ..."node-default node-group node-input node-output nodesselection nodesselection-rect resize-control selection".split(" "),
].map((name) => `react-flow__${name}`);

export default defineConfig({
  plugins: [mockBackEnd()],
  resolve: { alias: { "server-page": SERVER_PAGE, "d3-transition": D3_INSTANT, "d3-interpolate": D3_INSTANT } },
  css: { lightningcss: { unusedSymbols: REACT_FLOW_UNUSED } },
  server: { fs: { allow: [".", SERVER_PAGE] } },
  build: {
    target: "es2023",
    manifest: true,
    // The Content-Security-Policy allows neither data: in styles and scripts nor inline scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // React Flow wraps also the parts that the canvas does not use, such as its map: the build leaves them out.
    rolldownOptions: { treeshake: { manualPureFunctions: ["memo", "forwardRef"] } },
  },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["src/testing/setup.ts"],
    // Two processes: the machines that test this have few processors.
    maxWorkers: 2,
    testTimeout: 60_000,
  },
});
