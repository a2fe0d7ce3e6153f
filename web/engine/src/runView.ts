/** A run as it is shown. */
import type { Approval, ConversationEvent, EventOf, RunState, Usage } from "./types";

export type ToolStatus =
  | "writing"
  | "running"
  | "waiting"
  | "completed"
  | "failed"
  | "denied"
  | "interrupted";

export interface ToolCall {
  toolCallId: string;
  name: string;
  title: string | null;
  /** ACP's word: read, edit, execute, ... */
  kind: string | null;
  input: Record<string, unknown>;
  /** The input as the model writes it: a beginning of JSON text. */
  inputText: string;
  status: ToolStatus;
  output: unknown;
  error: string | null;
  truncated: boolean;
  progress: string | null;
  startedAt: string | null;
  durationMs: number | null;
  parentToolCallId: string | null;
}

export interface Text {
  id: string;
  text: string;
  isOpen: boolean;
  isPartial: boolean;
  /** This is only the beginning of what is written so far. */
  isCut: boolean;
  startedAt: string | null;
  endedAt: string | null;
}

export type Block =
  | ({ kind: "message" } & Text)
  | ({ kind: "reasoning" } & Text)
  | { kind: "tool"; id: string; call: ToolCall; children: readonly Block[] }
  | { kind: "approval"; id: string; approval: Approval }
  | {
      kind: "notice";
      id: string;
      code: string;
      text: string;
      level: "info" | "warning" | "error";
      time: string;
    }
  | { kind: "line"; id: string; what: "unknown" | "parse_error" | "oversize"; label: string; raw: string };

export interface PlanItem {
  text: string;
  status: "pending" | "in_progress" | "completed";
}

export interface TimeSpan {
  what: "queue" | "start" | "model" | "tools" | "waiting";
  ms: number;
}

export interface Route {
  mode: string;
  source: string;
  reason: string;
  mirror: string | null;
  afterCode: string | null;
}

export interface FileChange {
  path: string;
  change: EventOf<"file.changed">["change"];
}

export interface RunView {
  runId: string;
  state: RunState;
  isOver: boolean;
  prompt: string | null;
  turnId: string | null;
  attachmentIds: readonly string[];
  trigger: "prompt" | "background";
  causedBy: string | null;
  queuedAt: string | null;
  startedAt: string | null;
  firstTextAt: string | null;
  finishedAt: string | null;
  routes: readonly Route[];
  started: EventOf<"run.started"> | null;
  session: EventOf<"session.started"> | null;
  /** The CLI's own slash commands, without the slash. */
  commands: readonly string[];
  settings: EventOf<"settings.applied"> | null;
  finished: EventOf<"run.finished"> | null;
  blocks: readonly Block[];
  plan: readonly PlanItem[];
  files: readonly FileChange[];
  usage: Usage | null;
  costUsd: number | null;
  rateLimit: EventOf<"rate_limit"> | null;
  /** What is being done at this moment, in the CLI's own word. */
  activity: string | null;
  spans: readonly TimeSpan[];
  steeredInto: string | null;
  compared: EventOf<"shadow.compared"> | null;
  lost: EventOf<"background.lost"> | null;
}

/** An event that is stored. */
export type Durable = Extract<ConversationEvent, { seq: number }>;
