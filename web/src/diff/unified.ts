import { addTo, begun, type Counts, type DiffHunk } from "./lines.ts";

/** One file of a diff as git writes it. */
export interface FileDiff extends Counts {
  readonly path: string;
  /** The former path of a renamed or copied file. */
  readonly from: string | null;
  readonly kind: "created" | "modified" | "deleted" | "renamed";
  readonly binary: boolean;
  readonly hunks: DiffHunk[];
}

type Draft = { -readonly [Key in keyof FileDiff]: FileDiff[Key] };

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/;

/**
 * The files of a unified diff. A hunk's lines are counted by its header, so that a removed line
 * `-- a` is not taken for the header of a file. Text that is no diff gives no file.
 */
export function filesOf(text: string): FileDiff[] {
  const files: Draft[] = [];
  const lines = text.split("\n");
  let file: Draft | null = null;
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at]!.replace(/\r$/, "");
    const hunk = HUNK.exec(line);
    if (line.startsWith("diff --git ")) files.push((file = draft(gitPath(line.slice(11)))));
    else if (line.startsWith("--- ") && lines[at + 1]?.startsWith("+++ ")) {
      if (file === null || file.hunks.length > 0) files.push((file = draft("")));
      header(file, pathIn(line.slice(4)), pathIn(lines[at + 1]!.slice(4)));
      at += 1;
    } else if (hunk && file) at = readHunk(file, lines, at, hunk);
    else if (file) extended(file, line);
  }
  return files;
}

function draft(path: string): Draft {
  return { path, from: null, kind: "modified", binary: false, hunks: [], added: 0, removed: 0 };
}

function header(file: Draft, old: string, now: string): void {
  if (old === "/dev/null") file.kind = "created";
  if (now === "/dev/null") file.kind = "deleted";
  file.path = now === "/dev/null" ? old : now;
}

function extended(file: Draft, line: string): void {
  if (line.startsWith("new file mode")) file.kind = "created";
  else if (line.startsWith("deleted file mode")) file.kind = "deleted";
  else if (/^(?:rename|copy) from /.test(line))
    [file.from, file.kind] = [unquoted(line.replace(/^\w+ from /, "")), "renamed"];
  else if (/^(?:rename|copy) to /.test(line)) file.path = unquoted(line.replace(/^\w+ to /, ""));
  else if (line.startsWith("Binary files ") || line === "GIT binary patch") file.binary = true;
}

function readHunk(
  file: Draft,
  lines: readonly string[],
  start: number,
  [content, oldStart, oldCount, newStart, newCount]: RegExpExecArray,
): number {
  const hunk = begun(Number(oldStart), Number(newStart), content);
  let [oldLine, newLine] = [hunk.oldStart, hunk.newStart];
  const [oldEnd, newEnd] = [oldLine + Number(oldCount ?? 1), newLine + Number(newCount ?? 1)];
  let at = start;
  while ((oldLine < oldEnd || newLine < newEnd) && at + 1 < lines.length) {
    const line = lines[at + 1]!.replace(/\r$/, "");
    const sign = line === "" ? " " : line.charAt(0);
    if (sign !== " " && sign !== "+" && sign !== "-" && sign !== "\\") break;
    at += 1;
    if (sign === "\\") continue;
    addTo(hunk, [sign, line.slice(1)], oldLine, newLine);
    if (sign !== "+") oldLine += 1;
    if (sign !== "-") newLine += 1;
    if (sign === "+") file.added += 1;
    if (sign === "-") file.removed += 1;
  }
  file.hunks.push(hunk);
  return at;
}

/** `a/x b/x`: both halves are one path unless it was renamed, and then a line below says so. */
function gitPath(text: string): string {
  const quoted = /"b\/((?:[^"\\]|\\.)*)"$/.exec(text);
  if (quoted) return unquoted(`"${quoted[1]!}"`);
  const half = text.slice((text.length + 1) / 2);
  return half.startsWith("b/") ? half.slice(2) : text.replace(/^.* b\//, "");
}

function pathIn(text: string): string {
  const path = unquoted(text.replace(/[\t\r].*$/, ""));
  return path === "/dev/null" ? path : path.replace(/^[ab]\//, "");
}

/** Git quotes a path as C does, bytes over 0x7f in octal. */
function unquoted(text: string): string {
  if (!text.startsWith('"') || !text.endsWith('"')) return text;
  const bytes: number[] = [];
  const encoder = new TextEncoder();
  for (const [part] of text.slice(1, -1).matchAll(/\\[0-7]{3}|\\.|[^\\]+/gs)) {
    if (/^\\[0-7]/.test(part)) bytes.push(parseInt(part.slice(1), 8) & 255);
    else if (part.startsWith("\\"))
      bytes.push(...encoder.encode({ "\\n": "\n", "\\t": "\t", "\\r": "\r" }[part] ?? part.slice(1)));
    else bytes.push(...encoder.encode(part));
  }
  return new TextDecoder().decode(new Uint8Array(bytes));
}
