import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

interface Recorded {
  type: string;
  toolCallId?: string;
  name?: string;
  title?: string | null;
  input?: Record<string, unknown>;
  status?: string;
  output?: unknown;
  error?: string | null;
}

const FIXTURES = join(import.meta.dirname, "../../../fixtures");

/** The events of every recording of a CLI. */
export function recorded(cli: string): Recorded[] {
  return readdirSync(join(FIXTURES, cli), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith("events.json"))
    .sort()
    .flatMap((path) => {
      const read: unknown = JSON.parse(readFileSync(join(FIXTURES, cli, path), "utf8"));
      return (Array.isArray(read) ? read : (read as { events: unknown[] }).events) as Recorded[];
    });
}

export const CLIS = ["claude-code", "gemini", "factory-droid", "codex", "acp"];
