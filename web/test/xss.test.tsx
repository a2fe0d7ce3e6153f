// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { Diff } from "../src/diff/Diff.tsx";
import { Markdown } from "../src/markdown/Markdown.tsx";
import type { ToolCall } from "../src/tools/tool.ts";
import { ToolRow } from "../src/tools/ToolRow.tsx";
import { Values } from "../src/tools/Values.tsx";
import { callOf } from "./calls.ts";
import { faults, mount, until } from "./dom.ts";
import corpus from "./xss.json";

const SEEN = /alert\(1\)|msgbox/;

describe("hostile text", () => {
  it("is a corpus of many", () => {
    expect(new Set(corpus).size).toBe(corpus.length);
    expect(corpus.length).toBeGreaterThanOrEqual(80);
  });

  it.each(corpus)("is harmless in Markdown: %j", async (text) => {
    const { box, render } = await mount(<Markdown text={text} />);
    expect(faults(box)).toEqual([]);
    // What looks like code is text that can be read, but for addresses of links, definitions, titles and info strings.
    if (SEEN.test(text) && !/\]:|"title|&|%3A|\u00ad|^\[x\]\((?:https|mailto)|^```"/.test(text))
      expect(box.textContent).toMatch(SEEN);
    await render(<Markdown text={`before **x\n\n${text}`} streaming />);
    await render(<Markdown text={`before **x\n\n${text} and`} streaming />);
    expect(faults(box)).toEqual([]);
  });

  it("is harmless when it is cut anywhere while it streams", async () => {
    const { box, render } = await mount(<Markdown text="" />);
    for (const text of corpus.filter((_, index) => index % 3 === 0)) {
      for (let end = 1; end < text.length; end += 7) {
        await render(<Markdown key={`${text}${end}`} text={text.slice(0, end)} streaming />);
        expect(faults(box), JSON.stringify(text.slice(0, end))).toEqual([]);
      }
    }
  });

  it.each(corpus)("is harmless in a tool call: %j", async (text) => {
    const call = (more: Partial<ToolCall>): ToolCall =>
      callOf({
        name: text,
        title: text,
        kind: text,
        input: { command: text, [text]: [text, { [text]: text }] },
        status: "failed",
        output: text,
        error: text,
        ...more,
      });
    const { box, render } = await mount(<ToolRow call={call({})} open />);
    expect(faults(box)).toEqual([]);
    for (const more of [
      {
        output: [
          { type: "text", text },
          { type: "image", source: { type: "base64", media_type: text, data: text } },
        ],
      },
      {
        output: { content: [{ type: "resource_link", uri: text }], [text]: text },
        status: "running" as const,
        progress: text,
      },
      { input: {}, inputText: `{"command": ${JSON.stringify(text)}`, status: "writing" as const },
      { name: "Edit", input: { file_path: text, old_string: text, new_string: `${text}\n${text}` } },
    ]) {
      await render(<ToolRow key={JSON.stringify(more)} call={call(more)} open />);
      expect(faults(box)).toEqual([]);
    }
    await until(() => box.querySelector(".diff-skeleton") === null);
    expect(faults(box)).toEqual([]);
  });

  it.each(corpus)("is harmless and whole in values: %j", async (text) => {
    const { box } = await mount(<Values value={{ a: text, [text]: [text] }} />);
    expect(faults(box)).toEqual([]);
  });

  it("is harmless in a diff", async () => {
    const body = corpus.map((text) => `+${text.replaceAll(/[\r\n]/g, " ")}`).join("\n");
    const { box } = await mount(
      <Diff
        unified={`diff --git a/<b>x b/<b>x\n--- a/<b>x\n+++ b/<b>x\n@@ -0,0 +1,${corpus.length} @@\n${body}\n`}
      />,
    );
    await until(() => box.querySelector(".diff-code-insert") !== null);
    expect(box.querySelectorAll(".diff-code-insert").length).toBe(corpus.length);
    expect(faults(box)).toEqual([]);
  });
});
