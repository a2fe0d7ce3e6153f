import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { packed } from "./packed.ts";

const modules = new URL("node_modules/", import.meta.url).pathname;

/** The page: what the service serves at `/`. AGENT_RUNNER_URL is where `npm run dev` finds one. */
export default defineConfig({
  plugins: [react(), packed()],
  resolve: {
    // Its form for browsers decodes by innerHTML, which the page's policy forbids.
    alias: { "decode-named-character-reference": `${modules}decode-named-character-reference/index.js` },
  },
  build: {
    outDir: process.env.AGENT_RUNNER_PAGE ?? "dist/page",
    emptyOutDir: true,
    target: "es2023",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: {
      "^/(agents|approvals|conversations|runs|attachments|search|usage|stream|session|api|health|openapi.json)":
        {
          target: process.env.AGENT_RUNNER_URL ?? "http://127.0.0.1:8420",
        },
    },
  },
});
