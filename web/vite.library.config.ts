import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

/** Keeps the library's style to what is inside of its parts: another page has a look of its own. */
function scoped(): Plugin {
  return {
    name: "scoped",
    generateBundle: {
      // Vite adds the style in a hook of this name, too.
      order: "post",
      handler(_, bundle) {
        for (const file of Object.values(bundle)) {
          if (file.type !== "asset" || !file.fileName.endsWith(".css")) continue;
          // By any other name, a selector inside means what is below the scope's root.
          const style = String(file.source).replaceAll(/:root|\.agent-runner(?![\w-])/g, ":scope");
          file.source = `@scope (.agent-runner) {\n${style}\n}\n`;
        }
      },
    },
  };
}

/** The library: the chat's parts for another React app, which brings its own React. */
export default defineConfig({
  plugins: [react(), scoped()],
  define: { "process.env.NODE_ENV": JSON.stringify("production") },
  build: {
    outDir: "dist/library",
    emptyOutDir: true,
    target: "es2023",
    copyPublicDir: false,
    cssCodeSplit: false,
    lib: { entry: "src/library.ts", formats: ["es"], fileName: "library", cssFileName: "style" },
    rolldownOptions: { external: [/^react($|\/)/, /^react-dom($|\/)/] },
  },
});
