import type { ToolStatus } from "@agent-runner/engine";

export type { ToolCall, ToolStatus } from "@agent-runner/engine";

export const STATUS_WORDS: Readonly<Record<ToolStatus, string>> = {
  writing: "writing its input",
  running: "running",
  waiting: "waits for you",
  completed: "done",
  failed: "failed",
  denied: "denied",
  interrupted: "interrupted",
};
