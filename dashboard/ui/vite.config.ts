import { defineConfig } from "vite";

// The page is shown under any path (a proxy, a stage): its own files are found beside the document, whose <base> the
// server writes. Nothing is inlined, for the Content-Security-Policy allows files only.
export default defineConfig({
  base: "./",
  esbuild: { jsx: "automatic", jsxImportSource: "preact", legalComments: "none" },
  build: {
    outDir: "../mrq_dashboard/static/dist",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: false,
    target: "es2022",
  },
});
