/** A line diff, as react-diff-view's hunks. */

export interface DiffHunk {
  content: string;
  oldStart: number;
  newStart: number;
  oldLines: number;
  newLines: number;
  isPlain: boolean;
  changes: DiffLine[];
}

export type DiffLine =
  | { type: "insert"; isInsert: true; lineNumber: number; content: string }
  | { type: "delete"; isDelete: true; lineNumber: number; content: string }
  | { type: "normal"; isNormal: true; oldLineNumber: number; newLineNumber: number; content: string };

export interface Counts {
  added: number;
  removed: number;
}

type Edit = readonly [kind: " " | "-" | "+", line: string];

const CONTEXT = 3;
/** Beyond so many edits the texts are shown as replaced: the search costs their square. */
const MOST_EDITS = 600;

export function linesOf(text: string): string[] {
  if (text === "") return [];
  const lines = text.split(/\r\n|\n/);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** The shortest script of edits (Myers), after the common ends are cut off. */
export function editsOf(before: string, after: string): Edit[] {
  const [old, now] = [linesOf(before), linesOf(after)];
  let head = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) head += 1;
  let tail = 0;
  while (tail < old.length - head && tail < now.length - head && old.at(-1 - tail) === now.at(-1 - tail))
    tail += 1;
  const keep = (line: string): Edit => [" ", line];
  return [
    ...old.slice(0, head).map(keep),
    ...myers(old.slice(head, old.length - tail), now.slice(head, now.length - tail)),
    ...old.slice(old.length - tail).map(keep),
  ];
}

function myers(old: readonly string[], now: readonly string[]): Edit[] {
  if (old.length === 0 || now.length === 0) return replaced(old, now);
  const most = Math.min(old.length + now.length, MOST_EDITS);
  const trace: Int32Array[] = [];
  const reach = new Int32Array(2 * most + 3);
  for (let depth = 0; depth <= most; depth += 1) {
    trace.push(reach.slice());
    for (let diagonal = -depth; diagonal <= depth; diagonal += 2) {
      const at = diagonal + most + 1;
      let x =
        diagonal === -depth || (diagonal !== depth && reach[at - 1]! < reach[at + 1]!)
          ? reach[at + 1]!
          : reach[at - 1]! + 1;
      while (x < old.length && x - diagonal < now.length && old[x] === now[x - diagonal]) x += 1;
      reach[at] = x;
      if (x >= old.length && x - diagonal >= now.length) return walked(old, now, trace, most);
    }
  }
  return replaced(old, now);
}

function walked(
  old: readonly string[],
  now: readonly string[],
  trace: readonly Int32Array[],
  most: number,
): Edit[] {
  const edits: Edit[] = [];
  let [x, y] = [old.length, now.length];
  for (let depth = trace.length - 1; depth >= 0; depth -= 1) {
    const reach = trace[depth]!;
    const diagonal = x - y;
    const at = diagonal + most + 1;
    const down = diagonal === -depth || (diagonal !== depth && reach[at - 1]! < reach[at + 1]!);
    const fromX = depth === 0 ? 0 : down ? reach[at + 1]! : reach[at - 1]!;
    const fromY = depth === 0 ? 0 : fromX - (down ? diagonal + 1 : diagonal - 1);
    while (x > fromX && y > fromY) {
      x -= 1;
      y -= 1;
      edits.push([" ", old[x]!]);
    }
    if (depth > 0) edits.push(down ? ["+", now[--y]!] : ["-", old[--x]!]);
  }
  return edits.reverse();
}

function replaced(old: readonly string[], now: readonly string[]): Edit[] {
  return [...old.map((line): Edit => ["-", line]), ...now.map((line): Edit => ["+", line])];
}

export function countsOf(before: string, after: string): Counts {
  const counts = { added: 0, removed: 0 };
  for (const [kind] of editsOf(before, after)) {
    if (kind === "+") counts.added += 1;
    else if (kind === "-") counts.removed += 1;
  }
  return counts;
}

/** Hunks with three lines of context. */
export function hunksOf(before: string, after: string): DiffHunk[] {
  const edits = editsOf(before, after);
  const hunks: DiffHunk[] = [];
  let [oldLine, newLine] = [1, 1];
  let hunk: DiffHunk | null = null;
  let quietUntil = -1;
  edits.forEach(([kind], index) => {
    if (kind !== " ") quietUntil = index + CONTEXT;
    else if (
      index > quietUntil &&
      !edits.slice(index + 1, index + 1 + CONTEXT).some(([next]) => next !== " ")
    )
      hunk = closed(hunk, hunks);
    if (
      hunk === null &&
      (kind !== " " || edits.slice(index + 1, index + 1 + CONTEXT).some(([next]) => next !== " "))
    )
      hunk = begun(oldLine, newLine);
    if (hunk) addTo(hunk, edits[index]!, oldLine, newLine);
    if (kind !== "+") oldLine += 1;
    if (kind !== "-") newLine += 1;
  });
  closed(hunk, hunks);
  return hunks;
}

export function begun(oldStart: number, newStart: number, content = ""): DiffHunk {
  return { content, oldStart, newStart, oldLines: 0, newLines: 0, isPlain: false, changes: [] };
}

function closed(hunk: DiffHunk | null, hunks: DiffHunk[]): null {
  if (hunk) {
    hunk.content = `@@ -${hunk.oldStart},${hunk.oldLines} +${hunk.newStart},${hunk.newLines} @@`;
    hunks.push(hunk);
  }
  return null;
}

export function addTo(hunk: DiffHunk, [kind, content]: Edit, oldLine: number, newLine: number): void {
  if (kind === "+") hunk.changes.push({ type: "insert", isInsert: true, lineNumber: newLine, content });
  else if (kind === "-") hunk.changes.push({ type: "delete", isDelete: true, lineNumber: oldLine, content });
  else
    hunk.changes.push({
      type: "normal",
      isNormal: true,
      oldLineNumber: oldLine,
      newLineNumber: newLine,
      content,
    });
  if (kind !== "+") hunk.oldLines += 1;
  if (kind !== "-") hunk.newLines += 1;
}
