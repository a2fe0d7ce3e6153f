/** Lets the library's types find the engine's, which are beside them and no package of their own. */
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

const TYPES = join(import.meta.dirname, "dist/library/types");
const ENGINE = join(TYPES, "engine/src/index");

// tsc writes no declaration of a file that is one.
copyFileSync(join(import.meta.dirname, "engine/src/schema.d.ts"), join(TYPES, "engine/src/schema.d.ts"));

for (const name of readdirSync(TYPES, { recursive: true, encoding: "utf-8" })) {
  if (!name.endsWith(".d.ts")) continue;
  const file = join(TYPES, name);
  const path = relative(dirname(file), ENGINE);
  const text = readFileSync(file, "utf-8").replaceAll("@agent-runner/engine", path);
  writeFileSync(file, text.replace(/^import ".*\.css";\n/gm, ""));
}
