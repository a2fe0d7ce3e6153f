import { describe, expect, it } from "vitest";
import { changeOf } from "../../src/diff/change.ts";
import { durationText, hintOf } from "../../src/tools/hint.ts";
import { outputParts, plainText, prettyText } from "../../src/tools/output.ts";
import { labelOf, subjectOf, subjectOfText } from "../../src/tools/subject.ts";
import { CLIS, recorded } from "./recorded.ts";

const shown = (
  cli: string,
  of: (name: string, input: Record<string, unknown>, title: string | null) => string | null,
): string[] => [
  ...new Set(
    recorded(cli)
      .filter((event) => event.type === "tool.started")
      .flatMap((event) => of(event.name!, event.input!, event.title ?? null) ?? []),
  ),
];

describe("the recordings", () => {
  it.each(CLIS)("name and subject of %s's calls", (cli) => {
    const lines = shown(
      cli,
      (name, input, title) => `${labelOf(name)}: ${subjectOf(name, input, title)}`,
    ).filter((line) => !/^(?:Shell|Bash|Execute): /.test(line));
    expect(lines.sort()).toMatchSnapshot();
  });

  it.each(CLIS)("a subject of each of %s's calls with a text", (cli) => {
    const without = shown(cli, (name, input, title) =>
      subjectOf(name, input, title) === "" &&
      Object.values(input).some((value) => typeof value === "string" && value !== "")
        ? name
        : null,
    );
    expect(without).toEqual([]);
  });

  it.each(CLIS)("the changes of %s's edits", (cli) => {
    const changes = shown(cli, (name, input) => {
      const change = changeOf(name, input);
      return change && `${name}: ${JSON.stringify(change)}`;
    });
    expect(changes.sort()).toMatchSnapshot();
  });

  it.each(CLIS)("a change of each of %s's edits", (cli) => {
    const edits = recorded(cli).filter(
      (event) => event.type === "tool.started" && (event as { kind?: string }).kind === "edit",
    );
    const without = edits
      .filter((event) => changeOf(event.name!, event.input!) === null)
      .map((event) => event.input);
    expect(without.filter((input) => !("paths" in input! && "title" in input))).toEqual([]);
  });
});

describe("subjectOf", () => {
  it.each([
    ["Grep", { pattern: "a", path: "src" }, "a in src"],
    ["WebSearch", { query: "x y" }, "x y"],
    ["TodoWrite", { todos: [{ status: "completed" }, { status: "pending" }] }, "2 tasks, 1 done"],
    ["AskUserQuestion", { questions: [{ question: "Which?" }] }, "Which?"],
    ["exec_command", { command: ["ls", "-l"] }, "ls -l"],
    [
      "ApplyPatch",
      { input: "*** Begin Patch\n*** Update File: a.py\n@@\n-x\n+y\n*** Delete File: b.py\n*** End Patch" },
      "a.py and 1 more",
    ],
    ["Bash", { command: "one\ntwo" }, "one ⏎ two"],
    ["x", { unknown: "first" }, "first"],
    ["x", { n: 1 }, ""],
    ["Bash", { command: "rm \u202Egpj.x" }, "rm ⟨U+202E⟩gpj.x"],
  ])("%s %j", (name, input, subject) => {
    expect(subjectOf(name, input)).toBe(subject);
  });

  it("reads a command that is still written", () => {
    expect(subjectOfText('{"description": "d", "command": "ls \\"a')).toBe("d");
    expect(subjectOfText('{"command": "ls \\"a')).toBe('ls "a');
    expect(subjectOfText('{"comm')).toBe("");
  });

  it("names an MCP tool and its server", () => {
    expect([labelOf("mcp__tiny__greet"), labelOf("tiny___greet"), labelOf("constructor")]).toEqual([
      "greet (tiny)",
      "greet (tiny)",
      "constructor",
    ]);
  });
});

describe("changeOf", () => {
  const counts = (name: string, input: Record<string, unknown>): unknown => {
    const change = changeOf(name, input);
    return change && [change.paths, change.added, change.removed];
  };

  it("reads the edits of each CLI", () => {
    expect(
      counts("MultiEdit", {
        file_path: "a",
        edits: [
          { old_string: "x", new_string: "y\nz" },
          { old_string: "p\nq", new_string: "q" },
        ],
      }),
    ).toEqual([["a"], 2, 2]);
    expect(counts("Write", { file_path: "a", content: "x\ny" })).toEqual([["a"], 2, null]);
    expect(counts("Create", { file_path: "a", content: "x\ny\n" })).toEqual([["a"], 2, 0]);
    expect(
      counts("apply_patch", {
        changes: [{ path: "a", kind: { type: "update" }, diff: "@@ -1,2 +1,2 @@\n a\n-b\n+c\n" }],
      }),
    ).toEqual([["a"], 1, 1]);
    expect(counts("apply_patch", { changes: [{ path: "a", kind: "update" }] })).toEqual([["a"], null, null]);
    const patch =
      "*** Begin Patch\n*** Update File: a\n@@ f\n x\n-y\n+z\n@@ g\n+w\n*** Add File: b\n+1\n+2\n*** Delete File: c\n*** End Patch";
    expect(counts("ApplyPatch", { input: patch })).toEqual([["a", "b", "c"], 4, null]);
  });

  it("knows no edit in other tools", () => {
    expect([
      counts("Bash", { command: "x" }),
      counts("Read", { file_path: "a" }),
      counts("mcp__x__note", { path: "a", content: "b" }),
      counts("TodoWrite", { path: "a", content: "b" }),
    ]).toEqual([null, null, null, null]);
  });
});

describe("hintOf", () => {
  const hint = (
    name: string,
    output: unknown,
    more: { status?: "completed" | "failed" | "denied"; error?: string } = {},
  ): string => hintOf({ name, status: "completed", output, ...more });

  it("tells exit codes, tests, lines and hits", () => {
    expect(hint("Execute", "x\n\n\n[Process exited with code 3]")).toBe("exit code 3");
    expect(hint("Bash", null, { status: "failed", error: "Exit code 2\nno such file" })).toBe(
      "failed, exit code 2",
    );
    expect(hint("Bash", "= \u001b[31m1 failed\u001b[0m, \u001b[32m17 passed\u001b[0m in 2.6s =")).toBe(
      "1 failed, 17 passed",
    );
    expect(hint("Read", "1\ta\n2\tb\n")).toBe("2 lines");
    expect(hint("Grep", "Found 4 files\na\nb")).toBe("4 files");
    expect(hint("Glob", "a")).toBe("1 line");
    expect(hint("Bash", "", { status: "denied" })).toBe("denied");
  });

  it("says times in one unit or two", () => {
    expect([40, 2600, 12_400, 125_000, 3_720_000].map(durationText)).toEqual([
      "0.0 s",
      "2.6 s",
      "12 s",
      "2 m 5 s",
      "1 h 2 m",
    ]);
  });
});

describe("an output", () => {
  it("is free of escape sequences", () => {
    expect(
      plainText(
        "\u001b[1;31mred\u001b[0m \u001b]8;;http://evil.example\u0007link\u001b]8;;\u001b\\ \u009b2Jx\u001b(B",
      ),
    ).toBe("red link x");
    expect(plainText("10%\r50%\r100%\nend\r\nlast\r")).toBe("100%\nend\nlast\r");
  });

  it("tells a picture by its size", () => {
    const data = "A".repeat(4000);
    const label = [{ type: "media", label: "image: image/png, 3 kB" }];
    expect(
      outputParts([{ type: "image", source: { type: "base64", media_type: "image/png", data } }]),
    ).toEqual(label);
    expect(
      outputParts({ content: [{ type: "image", mimeType: "image/png", data }], structured_content: null }),
    ).toEqual(label);
    expect(JSON.stringify(outputParts({ shot: `data:image/png;base64,${data}` }))).not.toContain("AAAA");
    expect(prettyText(JSON.stringify({ shot: data }))).not.toContain("AAAA");
  });

  it("spreads JSON on one line", () => {
    expect(prettyText('{"a":[1]}')).toBe('{\n  "a": [\n    1\n  ]\n}');
    expect(prettyText("[not json")).toBe("[not json");
  });
});
