/** A tool call as the page shows it: gathered from tool.input.delta, tool.started, tool.progress and tool.completed. */
export interface ToolCall {
  toolCallId: string;
  name: string;
  title?: string | null;
  /** ACP's: read, edit, execute, ... */
  kind?: string | null;
  input: Record<string, unknown>;
  /** Partial JSON, while the model writes the input. */
  inputText?: string;
  status: ToolStatus;
  output?: unknown;
  error?: string | null;
  /** `output` is only its beginning. */
  truncated?: boolean;
  progress?: string;
  /** ISO 8601. */
  startedAt?: string;
  durationMs?: number | null;
  parentToolCallId?: string | null;
}

export type ToolStatus = "writing" | "running" | "completed" | "failed" | "denied" | "interrupted";

export const STATUS_WORDS: Readonly<Record<ToolStatus, string>> = {
  writing: "writing its input",
  running: "running",
  completed: "done",
  failed: "failed",
  denied: "denied",
  interrupted: "interrupted",
};
