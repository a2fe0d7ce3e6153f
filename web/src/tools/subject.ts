import { marked } from "./invisible.ts";

type Input = Readonly<Record<string, unknown>>;

/** Names of the same deed by CLI; an MCP tool is its own name and its server's. */
const LABELS: Readonly<Record<string, string>> = {
  run_shell_command: "Shell",
  exec_command: "Shell",
  execute: "Shell",
  shell: "Shell",
  local_shell: "Shell",
  read_file: "Read",
  read_many_files: "Read",
  read: "Read",
  view_image: "View image",
  write_file: "Write",
  write: "Write",
  replace: "Edit",
  edit: "Edit",
  apply_patch: "Patch",
  ApplyPatch: "Patch",
  multiedit: "Edit",
  list_directory: "List",
  list: "List",
  LS: "List",
  glob: "Glob",
  grep_search: "Grep",
  search_file_content: "Grep",
  grep: "Grep",
  search: "Search",
  google_web_search: "Search web",
  web_search: "Search web",
  WebSearch: "Search web",
  web_fetch: "Fetch",
  WebFetch: "Fetch",
  fetch: "Fetch",
  FetchUrl: "Fetch",
  think: "Think",
  task: "Agent",
  TodoWrite: "Plan",
  write_todos: "Plan",
  update_plan: "Plan",
  AskUserQuestion: "Question",
  ExitPlanMode: "Plan",
  save_memory: "Memory",
  other: "Tool",
};

export function labelOf(name: string): string {
  const label = Object.hasOwn(LABELS, name) ? LABELS[name] : undefined;
  if (label !== undefined) return label;
  const mcp = /^mcp__(.+?)__(.+)$/.exec(name) ?? /^(.+?)___(.+)$/.exec(name);
  return marked(mcp ? `${mcp[2]!} (${mcp[1]!})` : name);
}

const COMMANDS = ["command", "cmd", "script"];
const PATHS = [
  "file_path",
  "filePath",
  "absolute_path",
  "notebook_path",
  "path",
  "folder",
  "directory",
  "dir_path",
  "directory_path",
];
const PATTERNS = ["pattern", "regex", "glob_pattern", "query", "q"];
const WORDS = [
  "url",
  "uri",
  "description",
  "skill",
  "subject",
  "title",
  "question",
  "prompt",
  "text",
  "fact",
  "message",
];
const LONGEST = 300;

/** One line that says what a call is about: its command, file, pattern, address or question. */
export function subjectOf(name: string, input: Input, title: string | null = null): string {
  return oneLine(
    commandIn(input) ??
      searched(name, input) ??
      fileIn(input) ??
      listed(input) ??
      firstOf(input, WORDS) ??
      titled(name, title) ??
      anyString(input) ??
      "",
  );
}

/** As `subjectOf`, from JSON of which only the beginning is written. */
export function subjectOfText(json: string): string {
  const keys = [...COMMANDS, ...PATTERNS, ...PATHS, ...WORDS].join("|");
  const found = new RegExp(`"(?:${keys})"\\s*:\\s*"((?:[^"\\\\]|\\\\.){0,${LONGEST}})`).exec(
    json.slice(0, 20_000),
  );
  if (!found) return "";
  try {
    return oneLine(JSON.parse(`"${found[1]!.replace(/[\u0000-\u001f]/g, " ")}"`) as string);
  } catch {
    return "";
  }
}

function commandIn(input: Input): string | undefined {
  for (const key of COMMANDS) {
    const value = input[key];
    if (typeof value === "string" && value !== "" && !value.trimStart().startsWith("*** Begin Patch"))
      return value;
    if (Array.isArray(value) && value.length > 0 && value.every((word) => typeof word === "string"))
      return value.join(" ");
  }
  return undefined;
}

function searched(name: string, input: Input): string | undefined {
  const pattern = firstOf(input, PATTERNS);
  if (pattern === undefined) return undefined;
  const path = firstOf(input, PATHS);
  return path === undefined || /web/i.test(name) ? pattern : `${pattern} in ${path}`;
}

function fileIn(input: Input): string | undefined {
  const path = firstOf(input, PATHS);
  if (path !== undefined) return path;
  const paths = [input["paths"], input["file_paths"], input["include"]].find(
    (value) => Array.isArray(value) && typeof value[0] === "string",
  ) as unknown[] | undefined;
  if (paths) return several(paths);
  const patch = [input["patch"], input["input"], input["command"]].find(
    (value) => typeof value === "string" && value.trimStart().startsWith("*** Begin Patch"),
  );
  if (typeof patch !== "string") return undefined;
  const found = [...patch.matchAll(/^\*\*\* (?:Add|Update|Delete) File: (.+)$/gm)].map((one) =>
    one[1]!.trim(),
  );
  return found.length > 0 ? several(found) : undefined;
}

function several(paths: readonly unknown[]): string {
  return paths.length > 1 ? `${String(paths[0])} and ${paths.length - 1} more` : String(paths[0]);
}

/** A list of tasks, or questions to the person. */
function listed(input: Input): string | undefined {
  const questions = input["questions"];
  if (Array.isArray(questions)) {
    const question = (questions[0] as Input | undefined)?.["question"];
    if (typeof question === "string") return question;
  }
  const tasks = [input["todos"], input["plan"], input["items"]].find(Array.isArray) as Input[] | undefined;
  if (!tasks) return undefined;
  const done = tasks.filter((task) => task?.["status"] === "completed").length;
  return `${tasks.length} ${tasks.length === 1 ? "task" : "tasks"}, ${done} done`;
}

function titled(name: string, title: string | null): string | undefined {
  return title !== null && title !== "" && title !== name ? title : undefined;
}

function firstOf(input: Input, keys: readonly string[]): string | undefined {
  return keys
    .map((key) => input[key])
    .find((value): value is string => typeof value === "string" && value !== "");
}

function anyString(input: Input): string | undefined {
  return Object.values(input).find((value): value is string => typeof value === "string" && value !== "");
}

function oneLine(text: string): string {
  const line = text
    .slice(0, LONGEST + 1)
    .trim()
    .replace(/\s*\r?\n\s*/g, " ⏎ ");
  return marked(line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line);
}
