import { describe, expect, test } from "vitest";
import { RunLog } from "../src/run";
import type { Block } from "../src/runView";
import type { ConversationEvent } from "../src/types";
import { recorded, seeded, shuffled } from "./recorded";

const NAMES = ["text-and-tools", "approval", "failure"];

function reduced(events: readonly ConversationEvent[]): RunLog {
  const log = new RunLog(events[0]?.runId ?? "");
  for (const event of events) log.add(event);
  return log;
}

function durable(events: readonly ConversationEvent[]): ConversationEvent[] {
  return events.filter((event) => "seq" in event);
}

function said(blocks: readonly Block[]): string[] {
  return blocks.flatMap((block) => (block.kind === "message" ? [block.text] : []));
}

/** One that is streamed, and not stored. */
function streamed(type: string, fields: object): ConversationEvent {
  return { type, runId: "run_1", conversationId: "conv_1", ...fields } as unknown as ConversationEvent;
}

let seq = 1000;
function event(type: string, fields: object): ConversationEvent {
  seq += 1;
  const time = new Date(1_700_000_000_000 + seq * 1000).toISOString();
  return {
    type,
    runId: "run_1",
    conversationId: "conv_1",
    seq,
    time,
    ...fields,
  } as unknown as ConversationEvent;
}

describe("a recorded run", () => {
  test("shows what was said and done, in order", () => {
    const view = reduced(recorded("text-and-tools")).view();
    const kinds = view.blocks.map((block) => (block.kind === "tool" ? block.call.name : block.kind));
    expect(kinds).toEqual(["message", "Read", "Bash", "message"]);
    expect(said(view.blocks)).toEqual(["I look at it first.", "It holds one line."]);
    expect(view.state).toBe("succeeded");
    expect(view.started?.form).toBe("warm");
    expect(view.usage?.outputTokens).toBeGreaterThan(0);
    const read = view.blocks[1];
    expect(read?.kind === "tool" && read.call.output).toBe("x = 1");
  });

  test("tells how long each thing took, and no more than there was", () => {
    const view = reduced(recorded("approval")).view();
    const sum = view.spans.reduce((all, span) => all + span.ms, 0);
    expect(sum).toBe(Date.parse(view.finishedAt ?? "") - Date.parse(view.queuedAt ?? ""));
    expect(view.spans.find((span) => span.what === "waiting")?.ms).toBeGreaterThan(10);
  });

  test("has its approval as it was decided", () => {
    const events = recorded("approval");
    const asked = reduced(
      events.slice(
        0,
        events.findIndex((one) => one.type === "approval.resolved"),
      ),
    );
    expect(asked.view().state).toBe("waiting_approval");
    expect(asked.view().blocks[0]).toMatchObject({ kind: "tool", call: { status: "waiting" } });
    const block = reduced(events)
      .view()
      .blocks.find((one) => one.kind === "approval");
    expect(block?.kind === "approval" && [block.approval.state, block.approval.decidedBy]).toEqual([
      "approved",
      "ann",
    ]);
  });

  test("says why it failed", () => {
    const view = reduced(recorded("failure")).view();
    expect(view.state).toBe("failed");
    expect(view.finished?.error).toContain("Overloaded");
  });

  test.each(NAMES)("is the same in whatever order and however often %s comes", (name) => {
    const events = durable(recorded(name));
    const whole = reduced(events).view();
    for (let seed = 1; seed <= 200; seed += 1) {
      const random = seeded(seed);
      const twice = shuffled([...events, ...events.filter(() => random() < 0.5)], random);
      const log = new RunLog(whole.runId);
      const at = Math.floor(random() * twice.length);
      for (const one of twice.slice(0, at)) log.add(one);
      log.addAll(twice.slice(at));
      expect(log.view()).toEqual(whole);
    }
  });

  test.each(NAMES)("ends the same with any of the streamed pieces of %s lost", (name) => {
    const events = recorded(name);
    const whole = reduced(events).view();
    for (let seed = 1; seed <= 50; seed += 1) {
      const random = seeded(seed);
      const kept = events.filter((one) => "seq" in one || random() < 0.5);
      expect(reduced(kept).view()).toEqual(whole);
    }
  });
});

describe("text that is being written", () => {
  const delta = (text: string) => streamed("message.delta", { itemId: "m", text });

  test("grows, and is replaced by the whole", () => {
    const log = reduced([event("run.started", {}), delta("Hel"), delta("lo")]);
    const open = log.view().blocks[0];
    expect(open).toMatchObject({ kind: "message", text: "Hello", isOpen: true });
    log.add(event("message.completed", { itemId: "m", text: "Hello." }));
    log.add(delta(" late"));
    expect(log.view().blocks).toMatchObject([{ text: "Hello.", isOpen: false }]);
  });

  test("is taken up from a snapshot", () => {
    const log = reduced([event("run.started", {}), delta("lost")]);
    log.add(streamed("item.snapshot", { itemId: "m", kind: "message", text: "All so far" }));
    log.add(delta(", and on"));
    expect(said(log.view().blocks)).toEqual(["All so far, and on"]);
  });

  test("is over when its run is", () => {
    const log = reduced([
      event("run.started", {}),
      delta("broken"),
      event("run.finished", { state: "interrupted" }),
    ]);
    expect(log.view().blocks).toEqual([]);
    expect(log.view().state).toBe("interrupted");
  });

  test("does not lose what was open when older events come in", () => {
    const begin = event("run.queued", { prompt: "p", turnId: "t" });
    const log = reduced([event("run.started", {}), delta("Hello")]);
    log.addAll([begin]);
    expect(log.view().prompt).toBe("p");
    expect(said(log.view().blocks)).toEqual(["Hello"]);
  });
});

describe("tools", () => {
  test("of a helper stand below its call", () => {
    const view = reduced([
      event("tool.started", { toolCallId: "a", name: "Task", input: {} }),
      event("tool.started", { toolCallId: "b", name: "Read", input: {}, parentToolCallId: "a" }),
      event("message.completed", { itemId: "m", text: "inner", parentToolCallId: "b" }),
      event("message.completed", { itemId: "n", text: "orphan", parentToolCallId: "never" }),
    ]).view();
    expect(view.blocks.map((block) => block.kind)).toEqual(["tool", "message"]);
    const [task] = view.blocks;
    const inner = task?.kind === "tool" ? task.children[0] : undefined;
    expect(inner).toMatchObject({ kind: "tool", id: "b", children: [{ kind: "message", text: "inner" }] });
  });

  test("that name each other as parent do not hang the page", () => {
    const view = reduced([
      event("tool.started", { toolCallId: "a", name: "A", input: {}, parentToolCallId: "b" }),
      event("tool.started", { toolCallId: "b", name: "B", input: {}, parentToolCallId: "a" }),
      event("tool.started", { toolCallId: "c", name: "C", input: {}, parentToolCallId: "c" }),
    ]).view();
    expect(view.blocks).toMatchObject([
      { id: "a", children: [{ id: "b", children: [] }] },
      { id: "c", children: [] },
    ]);
  });

  test("that were running when the run ended are told as interrupted", () => {
    const view = reduced([
      event("tool.started", { toolCallId: "a", name: "Bash", input: {} }),
      event("run.finished", { state: "cancelled" }),
    ]).view();
    expect(view.blocks[0]).toMatchObject({ call: { status: "interrupted" } });
  });

  test("whose id comes twice are two", () => {
    const view = reduced([
      event("tool.started", { toolCallId: "a", name: "Bash", input: { n: 1 } }),
      event("tool.completed", { toolCallId: "a", status: "completed", output: "one" }),
      event("tool.started", { toolCallId: "a", name: "Bash", input: { n: 2 } }),
      event("tool.completed", { toolCallId: "a", status: "failed", output: "two" }),
    ]).view();
    expect(view.blocks.map((block) => block.kind === "tool" && block.call.output)).toEqual(["one", "two"]);
  });

  test("that end without a beginning are shown", () => {
    const view = reduced([
      event("tool.completed", { toolCallId: "a", status: "completed", output: "x", name: "Grep" }),
    ]).view();
    expect(view.blocks[0]).toMatchObject({ call: { name: "Grep", output: "x", status: "completed" } });
  });

  test("show their input as it is written", () => {
    const log = reduced([event("run.started", {})]);
    for (const json of ['{"com', 'mand"']) {
      log.add(streamed("tool.input.delta", { toolCallId: "a", name: "Bash", json }));
    }
    expect(log.view().blocks[0]).toMatchObject({ call: { status: "writing", inputText: '{"command"' } });
    log.add(event("tool.started", { toolCallId: "a", name: "Bash", input: { command: "ls" } }));
    expect(log.view().blocks).toMatchObject([{ call: { status: "running", inputText: "" } }]);
  });
});

describe("the plan", () => {
  const forms: [string, ConversationEvent][] = [
    [
      "Claude",
      event("tool.started", {
        toolCallId: "a",
        name: "TodoWrite",
        input: {
          todos: [
            { content: "One", status: "completed" },
            { content: "Two", status: "in_progress" },
          ],
        },
      }),
    ],
    [
      "Codex",
      event("tool.started", {
        toolCallId: "a",
        name: "update_plan",
        input: {
          plan: [
            { step: "One", status: "completed" },
            { step: "Two", status: "in_progress" },
          ],
        },
      }),
    ],
    [
      "Gemini",
      event("tool.started", {
        toolCallId: "a",
        name: "write_todos",
        input: {
          todos: [
            { description: "One", status: "completed" },
            { description: "Two", status: "in_progress" },
          ],
        },
      }),
    ],
    [
      "Droid",
      event("tool.started", {
        toolCallId: "a",
        name: "TodoWrite",
        input: { todos: "1. [completed] One\n2. [in_progress] Two" },
      }),
    ],
    [
      "ACP",
      event("notice", {
        code: "plan",
        data: {
          entries: [
            { content: "One", status: "completed" },
            { content: "Two", status: "in_progress" },
          ],
        },
      }),
    ],
  ];
  test.each(forms)("of %s is read", (_, one) => {
    expect(reduced([one]).view().plan).toEqual([
      { text: "One", status: "completed" },
      { text: "Two", status: "in_progress" },
    ]);
  });
});
