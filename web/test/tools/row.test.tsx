// @vitest-environment happy-dom
import { act } from "react";
import { describe, expect, it } from "vitest";
import type { ToolCall } from "../../src/tools/tool.ts";
import { ToolGroup } from "../../src/tools/ToolGroup.tsx";
import { ToolRow } from "../../src/tools/ToolRow.tsx";
import { callOf } from "../calls.ts";
import { mount, until } from "../dom.ts";

const call = (more: Partial<ToolCall> = {}): ToolCall =>
  callOf({ input: { command: "ls -l" }, output: "a\nb", durationMs: 120, ...more });
const line = (box: Element): string => box.querySelector("summary")!.textContent;

async function openIt(details: HTMLDetailsElement): Promise<void> {
  await act(async () => {
    details.open = true;
    details.dispatchEvent(new Event("toggle"));
  });
}

describe("ToolRow", () => {
  it("is one line: its state in words, name, subject and time", async () => {
    const { box } = await mount(<ToolRow call={call()} />);
    expect(line(box)).toBe("done: Bashls -l0.1 s");
    expect(box.querySelector(".tool-body")).toBeNull();
  });

  it("opens to its input and output", async () => {
    const { box } = await mount(<ToolRow call={call({ output: "\u001b[31mred\u001b[0m" })} />);
    await openIt(box.querySelector("details")!);
    expect([...box.querySelectorAll(".tool-part-name")].map((title) => title.textContent)).toEqual([
      "Input",
      "Output",
    ]);
    expect(box.querySelector(".tool-output")?.textContent).toBe("red");
  });

  it("shows an edit as a diff with its counts", async () => {
    const { box } = await mount(
      <ToolRow
        call={call({
          name: "Edit",
          input: { file_path: "a.ts", old_string: "x", new_string: "y\nz", replace_all: false },
        })}
        open
      />,
    );
    expect(line(box)).toContain("+2 2 lines added −1 1 line removed");
    await until(() => box.querySelector(".diff-code-insert") !== null);
    expect(box.querySelector(".tool-part .values")?.textContent).toBe("file_patha.tsreplace_allfalse");
  });

  it("marks an error, and an output of which only the beginning is there", async () => {
    const { box } = await mount(
      <ToolRow call={call({ status: "failed", error: "Exit code 1\nno", truncated: true })} open />,
    );
    expect(line(box)).toContain("failed, exit code 1");
    expect(box.querySelector(".tool-error")?.textContent).toBe("Exit code 1\nno");
    expect(box.textContent).toContain("Output, only its beginning");
  });

  it("shows what the model has written so far", async () => {
    const { box } = await mount(
      <ToolRow
        call={call({
          status: "writing",
          input: {},
          inputText: '{"command": "make te',
          output: undefined,
          durationMs: null,
        })}
        open
      />,
    );
    expect(line(box)).toBe("writing its input: Bashmake te");
    expect(box.querySelector(".tool-output")?.textContent).toBe('{"command": "make te');
  });

  it("shows the last line of a running tool", async () => {
    const { box } = await mount(
      <ToolRow
        call={call({
          status: "running",
          progress: "one\ntwo\n",
          output: undefined,
          durationMs: null,
          startedAt: new Date(Date.now() - 5000).toISOString(),
        })}
      />,
    );
    expect(line(box)).toMatch(/^running: Bashls -ltwo[56] s$/);
  });

  it("holds a helper's calls", async () => {
    const { box } = await mount(
      <ToolRow call={call({ name: "Agent" })} open>
        <ToolRow call={call({ toolCallId: "2", parentToolCallId: "1" })} />
      </ToolRow>,
    );
    expect(box.querySelectorAll("details details").length).toBe(1);
  });

  it("caps an output of 10 MB", async () => {
    const { box } = await mount(<ToolRow call={call({ output: "line of output\n".repeat(700_000) })} open />);
    expect(box.textContent.length).toBeLessThan(100_000);
    expect(box.querySelector(".long-more")?.textContent).toContain("not shown");
  });
});

describe("ToolGroup", () => {
  it("says how many steps, of which tools, and what is not well", async () => {
    const calls = [
      call(),
      call({ toolCallId: "2", name: "Read", input: { file_path: "a" } }),
      call({ toolCallId: "3", status: "failed" }),
    ];
    const { box, render } = await mount(<ToolGroup calls={calls} />);
    expect(line(box)).toBe("3 stepsBash · Readfailed0.4 s");
    expect(box.querySelectorAll(".tool-row").length).toBe(0);
    await openIt(box.querySelector("details")!);
    expect(box.querySelectorAll(".tool-row").length).toBe(3);
    await render(<ToolGroup calls={[call({ status: "running", durationMs: null })]} />);
    expect(line(box)).toBe("1 stepBashrunning");
  });
});
