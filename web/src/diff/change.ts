import { countsOf, linesOf } from "./lines.ts";

/** A part of a file before and after an edit. */
export interface Piece {
  readonly path: string;
  readonly before: string;
  readonly after: string;
  readonly kind: "created" | "modified" | "deleted" | "written";
  /** It is the whole file, so that its line numbers are the file's. */
  readonly whole: boolean;
}

export interface Change {
  readonly pieces: readonly Piece[];
  readonly paths: readonly string[];
  /** Null when the call does not say: a file written anew, a change without its text. */
  readonly added: number | null;
  readonly removed: number | null;
}

type Input = Readonly<Record<string, unknown>>;

const known = new WeakMap<Input, Map<string, Change | null>>();

/** What an edit tool of Claude Code, Gemini CLI, Droid, Codex or ACP changes, from its input; null for every other tool. */
export function changeOf(toolName: string, input: Input): Change | null {
  let byName = known.get(input);
  if (!byName) known.set(input, (byName = new Map()));
  let change = byName.get(toolName);
  if (change === undefined) byName.set(toolName, (change = read(toolName, input)));
  return change;
}

const OLD = ["old_string", "old_str", "oldString", "old_text", "oldText"];
const NEW = ["new_string", "new_str", "newString", "new_text", "newText"];
const PATHS = ["file_path", "filePath", "absolute_path", "notebook_path", "path"];
const CONTENTS = ["content", "new_source", "file_text"];
const EDITING =
  /(?:^|_)(?:write|create|edit|multi_?edit|notebook_?edit|replace|write_file|save_file|str_replace\w*)$/i;

function read(name: string, input: Input): Change | null {
  const patch = ["patch", "input", "command"]
    .map((key) => input[key])
    .find((text) => typeof text === "string" && text.trimStart().startsWith("*** Begin Patch"));
  if (typeof patch === "string") return counted(ofPatch(patch));
  if (Array.isArray(input["diffs"])) return counted(input["diffs"].filter(isRecord).flatMap(ofDiff));
  if (Array.isArray(input["changes"]) && input["changes"].every(isRecord)) return ofChanges(input["changes"]);
  if (!EDITING.test(name)) return null;
  const path = first(input, PATHS);
  if (path === undefined) return null;
  const edits = Array.isArray(input["edits"]) ? input["edits"].filter(isRecord) : [input];
  const pieces = edits.flatMap((edit) => ofEdit(path, edit));
  if (pieces.length > 0) return counted(pieces);
  const content = first(input, CONTENTS);
  if (content === undefined) return null;
  const created = /create$/i.test(name);
  return counted([{ path, before: "", after: content, kind: created ? "created" : "written", whole: true }]);
}

function ofEdit(path: string, edit: Input): Piece[] {
  const [before, after] = [first(edit, OLD), first(edit, NEW)];
  if (before === undefined || after === undefined) return [];
  return [{ path, before, after, kind: before === "" ? "written" : "modified", whole: false }];
}

/** ACP: `oldText` is null or empty for a new file. */
function ofDiff(diff: Input): Piece[] {
  const [path, before, after] = [first(diff, ["path"]), first(diff, OLD) ?? "", first(diff, NEW)];
  if (path === undefined || after === undefined) return [];
  return [{ path, before, after, kind: before === "" ? "created" : "modified", whole: true }];
}

/** Codex: `kind` is a word or {type}; `diff` is the file's text, or hunks of an update. */
function ofChanges(changes: readonly Input[]): Change {
  const pieces: Piece[] = [];
  let complete = true;
  for (const change of changes) {
    const path = first(change, ["path"]) ?? "";
    const kind = isRecord(change["kind"]) ? change["kind"]["type"] : change["kind"];
    const diff = first(change, ["diff", "unified_diff"]);
    if (diff === undefined) complete = false;
    else if (kind === "add") pieces.push({ path, before: "", after: diff, kind: "created", whole: true });
    else if (kind === "delete") pieces.push({ path, before: diff, after: "", kind: "deleted", whole: true });
    else pieces.push(...ofHunks(path, diff.split("\n")));
  }
  const paths = [...new Set(changes.flatMap((change) => first(change, ["path"]) ?? []))];
  return complete ? { ...counted(pieces), paths } : { pieces, paths, added: null, removed: null };
}

function ofPatch(patch: string): Piece[] {
  const pieces: Piece[] = [];
  for (const [, verb, path, body] of patch.matchAll(
    /^\*\*\* (Add|Update|Delete) File: (.+)\n?((?:(?!\*\*\* (?:Add|Update|Delete) File: |\*\*\* End Patch).*(?:\n|$))*)/gm,
  )) {
    const lines = body!
      .replace(/\n$/, "")
      .split("\n")
      .filter((line) => !line.startsWith("*** "));
    if (verb === "Add")
      pieces.push({
        path: path!.trim(),
        before: "",
        after: textOf(lines, "+"),
        kind: "created",
        whole: true,
      });
    else if (verb === "Delete")
      pieces.push({ path: path!.trim(), before: "", after: "", kind: "deleted", whole: false });
    else pieces.push(...ofHunks(path!.trim(), lines));
  }
  return pieces;
}

function ofHunks(path: string, lines: readonly string[]): Piece[] {
  const sections: string[][] = [[]];
  for (const line of lines) {
    if (line.startsWith("@@")) sections.push([]);
    else if (!line.startsWith("\\")) sections.at(-1)!.push(line);
  }
  return sections
    .filter((section) => section.some((line) => line !== ""))
    .map((section) => ({
      path,
      before: textOf(section, "-"),
      after: textOf(section, "+"),
      kind: "modified",
      whole: false,
    }));
}

function textOf(lines: readonly string[], sign: "+" | "-"): string {
  return lines
    .filter((line) => line.startsWith(sign) || line.startsWith(" "))
    .map((line) => `${line.slice(1)}\n`)
    .join("");
}

function counted(pieces: readonly Piece[]): Change {
  let [added, removed]: [number, number | null] = [0, 0];
  for (const piece of pieces) {
    const counts =
      piece.before === ""
        ? { added: linesOf(piece.after).length, removed: 0 }
        : countsOf(piece.before, piece.after);
    added += counts.added;
    const unknown =
      (piece.kind === "written" && piece.whole) || (piece.kind === "deleted" && piece.before === "");
    removed = removed === null || unknown ? null : removed + counts.removed;
  }
  return { pieces, paths: [...new Set(pieces.map((piece) => piece.path))], added, removed };
}

function first(input: Input, keys: readonly string[]): string | undefined {
  return keys.map((key) => input[key]).find((value) => typeof value === "string");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
