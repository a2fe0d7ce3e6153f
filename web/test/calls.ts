import type { ToolCall } from "../src/tools/tool.ts";

/** A tool call of which a test says only what it is about. */
export function callOf(more: Partial<ToolCall>): ToolCall {
  return {
    toolCallId: "1",
    name: "Bash",
    title: null,
    kind: null,
    input: {},
    inputText: "",
    status: "completed",
    output: undefined,
    error: null,
    truncated: false,
    progress: null,
    startedAt: null,
    durationMs: null,
    parentToolCallId: null,
    ...more,
  };
}
