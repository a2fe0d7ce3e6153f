import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [react()],
  test: { testTimeout: 30_000, include: ["test/**/*.test.{ts,tsx}", "engine/test/**/*.test.ts"] },
});
