import { defineConfig } from "vitest/config";
import { mockBackEnd } from "./mock/server.ts";

export default defineConfig({
  plugins: [mockBackEnd()],
  build: {
    target: "es2023",
    manifest: true,
    // The Content-Security-Policy allows neither data: in styles and scripts nor inline scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
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
