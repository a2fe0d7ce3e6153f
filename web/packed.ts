import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Plugin } from "vite";

const PACKED = /\.(html|js|css|svg)$/;

/** Writes a `.br` and a `.gz` beside each file that is smaller so: the service packs nothing. */
export function packed(): Plugin {
  let folder = "";
  return {
    name: "packed",
    apply: "build",
    configResolved(config) {
      folder = resolve(config.root, config.build.outDir);
    },
    writeBundle() {
      for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
        if (!PACKED.test(name)) continue;
        const body = readFileSync(join(folder, name));
        const small = brotliCompressSync(body, {
          params: { [constants.BROTLI_PARAM_SIZE_HINT]: body.length },
        });
        if (small.length < body.length) writeFileSync(join(folder, `${name}.br`), small);
        const zipped = gzipSync(body, { level: 9 });
        if (zipped.length < body.length) writeFileSync(join(folder, `${name}.gz`), zipped);
      }
    },
  };
}
