import { plainText, textOf } from "./output.ts";
import { labelOf } from "./subject.ts";
import { STATUS_WORDS, type ToolCall } from "./tool.ts";

const LOOKED_AT = 4000;

/** What came of a call, in a few words: its exit code, lines or hits; empty when that is not cheap to tell. */
export function hintOf({
  name,
  status,
  output,
  error,
}: Pick<ToolCall, "name" | "status" | "output"> & Partial<Pick<ToolCall, "error">>): string {
  if (status === "writing" || status === "running") return "";
  const label = labelOf(name);
  const text = textOf(output);
  const exit = exitCode(`${error ?? ""}\n${text.slice(-LOOKED_AT)}`);
  const failed = exit !== null && exit !== "0" ? `exit code ${exit}` : "";
  if (status !== "completed")
    return failed === "" ? STATUS_WORDS[status] : `${STATUS_WORDS[status]}, ${failed}`;
  if (label === "Shell" || label === "Bash" || label === "Execute")
    return [failed, testResult(text)].filter((part) => part !== "").join(", ");
  if (text === "") return "";
  if (label === "Read") return counted(lineCount(text), "line");
  if (label === "Grep" || label === "Glob" || label === "List") return hits(text);
  return "";
}

function exitCode(text: string): string | null {
  return (
    /(?:\bexit(?:ed with)? (?:code|status):?|\[Process exited with code) ?(-?\d+)/i.exec(text)?.[1] ?? null
  );
}

/** The sum of pytest, vitest, jest or cargo test. */
function testResult(text: string): string {
  const end = plainText(text.slice(-LOOKED_AT));
  const sums = [...end.matchAll(/(\d+) (failed|passed)\b/g)];
  const last = new Map(sums.map(([, number, word]) => [word!, number!]));
  return ["failed", "passed"]
    .flatMap((word) => (last.has(word) && last.get(word) !== "0" ? [`${last.get(word)!} ${word}`] : []))
    .join(", ");
}

function hits(text: string): string {
  const told = /\bfound (\d+) (?:total )?(files?|match(?:es)?|lines?|results?)/i.exec(
    text.slice(0, LOOKED_AT),
  );
  if (told) return `${told[1]!} ${told[2]!.toLowerCase()}`;
  if (/^(?:no (?:files|matches|results)|no match)/im.test(text.slice(0, 200))) return "no hits";
  return counted(lineCount(text), "line");
}

function lineCount(text: string): number {
  let lines = text.endsWith("\n") ? 0 : 1;
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) lines += 1;
  return lines;
}

function counted(number: number, word: string): string {
  return `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;
}

export function durationText(ms: number): string {
  if (ms < 60_000) return ms < 9_950 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`;
  const seconds = Math.round(ms / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  return hours > 0 ? `${hours} h ${minutes} m` : `${minutes} m ${seconds % 60} s`;
}
