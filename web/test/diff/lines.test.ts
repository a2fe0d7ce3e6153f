import { describe, expect, it } from "vitest";
import { capped } from "../../src/diff/Diff.tsx";
import { countsOf, editsOf, hunksOf, linesOf } from "../../src/diff/lines.ts";
import { filesOf } from "../../src/diff/unified.ts";
import { pick, random } from "../markdown/random.ts";

const text = (next: () => number, most: number): string =>
  Array.from({ length: Math.floor(next() * most) }, () => `${pick(next, ["a", "b", "c", "d"])}\n`).join("");

/** The length of the shortest script, by the table of the longest common subsequence. */
function shortest(old: readonly string[], now: readonly string[]): number {
  let row = Array.from({ length: now.length + 1 }, (_, index) => index);
  old.forEach((line, index) => {
    const next = [index + 1];
    now.forEach((other, at) => {
      next.push(line === other ? row[at]! : 1 + Math.min(row[at + 1]!, next[at]!));
    });
    row = next;
  });
  return row[now.length]!;
}

describe("the line diff", () => {
  it("turns one text into the other by the shortest script", () => {
    for (let seed = 1; seed <= 500; seed += 1) {
      const next = random(seed);
      const [before, after] = [text(next, 20), text(next, 20)];
      const edits = editsOf(before, after);
      expect(
        edits.filter(([kind]) => kind !== "+").map(([, line]) => line),
        `seed ${seed}`,
      ).toEqual(linesOf(before));
      expect(
        edits.filter(([kind]) => kind !== "-").map(([, line]) => line),
        `seed ${seed}`,
      ).toEqual(linesOf(after));
      expect(edits.filter(([kind]) => kind !== " ").length, `seed ${seed}`).toBe(
        shortest(linesOf(before), linesOf(after)),
      );
    }
  });

  it("replaces what differs too much, in bounded time", () => {
    const many = (word: string): string =>
      Array.from({ length: 20_000 }, (_, index) => `${word} ${index}\n`).join("");
    expect(countsOf(many("a"), many("b"))).toEqual({ added: 20_000, removed: 20_000 });
  });

  it("makes hunks with three lines of context and right numbers", () => {
    const lines = Array.from({ length: 30 }, (_, index) => `line ${index + 1}`);
    const before = lines.join("\n");
    const after = lines.map((line, index) => (index === 4 || index === 24 ? `${line}!` : line)).join("\n");
    expect(hunksOf(before, after).map((hunk) => hunk.content)).toEqual([
      "@@ -2,7 +2,7 @@",
      "@@ -22,7 +22,7 @@",
    ]);
    expect(hunksOf(before, after)[1]!.changes[3]).toEqual({
      type: "delete",
      isDelete: true,
      lineNumber: 25,
      content: "line 25",
    });
  });

  it("agrees with its own hunks read back", () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const next = random(seed);
      const [before, after] = [text(next, 40), text(next, 40)];
      const hunks = hunksOf(before, after);
      const signs = { insert: "+", delete: "-", normal: " " };
      const body = hunks
        .map(
          (hunk) =>
            `${hunk.content}\n${hunk.changes.map((line) => `${signs[line.type]}${line.content}\n`).join("")}`,
        )
        .join("");
      const [file] = filesOf(`diff --git a/x b/x\n--- a/x\n+++ b/x\n${body}`);
      expect(file!.hunks, `seed ${seed}`).toEqual(hunks);
      expect({ added: file!.added, removed: file!.removed }, `seed ${seed}`).toEqual(countsOf(before, after));
    }
  });

  it("is capped by lines, within a hunk too", () => {
    const hunks = hunksOf("", "a\n".repeat(50));
    expect(capped(hunks, 20)[0]!.changes.length).toBe(20);
  });
});

describe("a diff as git writes it", () => {
  it("reads files, kinds, renames, binaries and quoted paths", () => {
    const files = filesOf(
      [
        "diff --git a/one.txt b/one.txt",
        "index 1..2 100644",
        "--- a/one.txt",
        "+++ b/one.txt",
        "@@ -1,2 +1,2 @@ def f():",
        "--- not a header",
        "+++ nor this",
        " kept",
        "\\ No newline at end of file",
        "diff --git a/new b.txt b/new b.txt",
        "new file mode 100644",
        "--- /dev/null",
        "+++ b/new b.txt",
        "@@ -0,0 +1 @@",
        "+x",
        "diff --git a/gone b/gone",
        "deleted file mode 100644",
        "--- a/gone",
        "+++ /dev/null",
        "@@ -1 +0,0 @@",
        "-x",
        "diff --git a/from b/to",
        "similarity index 100%",
        "rename from from",
        "rename to to",
        "diff --git a/p.png b/p.png",
        "Binary files a/p.png and b/p.png differ",
        'diff --git "a/\\303\\274.txt" "b/\\303\\274.txt"',
        "new file mode 100644",
        "",
      ].join("\n"),
    );
    expect(
      files.map(({ path, from, kind, binary, added, removed }) => [path, from, kind, binary, added, removed]),
    ).toEqual([
      ["one.txt", null, "modified", false, 1, 1],
      ["new b.txt", null, "created", false, 1, 0],
      ["gone", null, "deleted", false, 0, 1],
      ["to", "from", "renamed", false, 0, 0],
      ["p.png", null, "modified", true, 0, 0],
      ["ü.txt", null, "created", false, 0, 0],
    ]);
  });

  it("finds no file in other text", () => {
    expect(filesOf("hello\n@@ -1 +1 @@\n-a\n+b")).toEqual([]);
  });
});
