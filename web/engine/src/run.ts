/** A run as it is shown, made of its events and nothing else. */
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

interface Text {
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

type Durable = Extract<ConversationEvent, { seq: number }>;
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Told by a CLI for its own sake: shown in the timeline of events alone. */
const QUIET = new Set(["debug", "info"]);

const OPEN: ReadonlySet<ToolStatus> = new Set(["running", "waiting"]);

export class RunLog {
  /** All events from the first one are here. */
  isWhole = false;

  readonly #events: Durable[] = [];
  readonly #ephemeral = new Map<
    string,
    { kind: "message" | "reasoning"; text: string; isCut: boolean; parent: string | null }
  >();
  readonly #inputs = new Map<string, EventOf<"tool.input.delta">>();
  #state: Reduction;
  #view: RunView | null = null;

  constructor(readonly runId: string) {
    this.#state = new Reduction(runId);
  }

  get events(): readonly Durable[] {
    return this.#events;
  }

  /** Take an event in; false if it was there already. */
  add(event: ConversationEvent): boolean {
    this.#view = null;
    if (!("seq" in event) || event.seq === undefined) {
      this.#stream(event);
      return true;
    }
    const last = this.#events.at(-1);
    if (last === undefined || event.seq > last.seq) {
      this.#events.push(event);
      this.#state.apply(event);
    } else {
      const at = this.#events.findIndex((one) => one.seq >= event.seq);
      if (this.#events[at]?.seq === event.seq) return false;
      this.#events.splice(at, 0, event);
      this.#reduceAnew();
    }
    if (event.type === "run.queued" || (event.type === "run.started" && event.trigger === "background")) {
      this.isWhole = true;
    }
    this.#settle(event);
    return true;
  }

  /** Take in many at once, in any order. */
  addAll(events: readonly ConversationEvent[]): void {
    const known = new Set(this.#events.map((event) => event.seq));
    const fresh: Durable[] = [];
    for (const event of events) {
      if (!("seq" in event) || known.has(event.seq)) continue;
      known.add(event.seq);
      fresh.push(event);
    }
    if (fresh.length === 0) return;
    this.#events.push(...fresh);
    this.#events.sort((a, b) => a.seq - b.seq);
    this.#reduceAnew();
    for (const event of fresh) this.#settle(event);
    this.#view = null;
  }

  view(): RunView {
    this.#view ??= this.#state.view(this.#ephemeral, this.#inputs);
    return this.#view;
  }

  #reduceAnew(): void {
    this.#state = new Reduction(this.runId);
    for (const event of this.#events) this.#state.apply(event);
  }

  #stream(event: ConversationEvent): void {
    switch (event.type) {
      case "message.delta":
      case "reasoning.delta": {
        const kind = event.type === "message.delta" ? "message" : "reasoning";
        const open = this.#ephemeral.get(event.itemId);
        if (open !== undefined) open.text += event.text;
        else if (!this.#state.hasItem(event.itemId)) {
          const parent = event.parentToolCallId ?? null;
          this.#ephemeral.set(event.itemId, { kind, text: event.text, isCut: false, parent });
        }
        return;
      }
      case "item.snapshot": {
        if (this.#state.hasItem(event.itemId)) return;
        const kind = event.kind === "reasoning" ? "reasoning" : "message";
        const parent = this.#ephemeral.get(event.itemId)?.parent ?? null;
        this.#ephemeral.set(event.itemId, { kind, text: event.text, isCut: event.cut ?? false, parent });
        return;
      }
      case "tool.input.delta": {
        const open = this.#inputs.get(event.toolCallId);
        const json = (open?.json ?? "") + event.json;
        if (!this.#state.hasTool(event.toolCallId)) this.#inputs.set(event.toolCallId, { ...event, json });
        return;
      }
      case "tool.progress":
        this.#state.progress(event);
        return;
      case "activity":
        this.#state.activity = event.message || event.code;
    }
  }

  /** What a stored event has in it is not open any more. */
  #settle(event: Durable): void {
    if (event.type === "message.completed" || event.type === "reasoning.completed") {
      this.#ephemeral.delete(event.itemId);
    } else if (event.type === "tool.started") this.#inputs.delete(event.toolCallId);
    else if (event.type === "run.finished") {
      this.#ephemeral.clear();
      this.#inputs.clear();
    }
  }
}

interface Placed {
  parent: string | null;
  block: Block;
}

/** The durable part, event by event. */
class Reduction {
  activity: string | null = null;

  readonly #placed: Placed[] = [];
  readonly #at = new Map<string, number>();
  readonly #spans = new Spans();
  readonly #plan = new Plan();
  readonly #files = new Map<string, FileChange>();
  readonly #lastOf = new Map<string, string>();
  readonly #view: Mutable<RunView>;
  #lastTime: string | null = null;

  constructor(runId: string) {
    this.#view = {
      runId,
      state: "queued",
      isOver: false,
      prompt: null,
      turnId: null,
      attachmentIds: [],
      trigger: "prompt",
      causedBy: null,
      queuedAt: null,
      startedAt: null,
      firstTextAt: null,
      finishedAt: null,
      routes: [],
      started: null,
      session: null,
      commands: [],
      settings: null,
      finished: null,
      blocks: [],
      plan: [],
      files: [],
      usage: null,
      costUsd: null,
      rateLimit: null,
      activity: null,
      spans: [],
      steeredInto: null,
      compared: null,
      lost: null,
    };
  }

  hasItem(itemId: string): boolean {
    return this.#at.has(`text:${itemId}`);
  }

  hasTool(toolCallId: string): boolean {
    return this.#at.has(`tool:${toolCallId}`);
  }

  apply(event: Durable): void {
    const view = this.#view;
    this.#spans.see(event);
    switch (event.type) {
      case "run.queued":
        view.queuedAt = event.time;
        view.prompt = event.prompt;
        view.turnId = event.turnId;
        view.attachmentIds = event.attachments ?? [];
        break;
      case "prompt.edited":
        view.prompt = event.prompt;
        break;
      case "prompt.steered":
        view.steeredInto = event.intoRunId;
        break;
      case "route.decided":
        view.routes = [
          ...view.routes,
          {
            mode: event.mode,
            source: event.source,
            reason: event.reason,
            mirror: event.mirror ?? null,
            afterCode: event.afterCode ?? null,
          },
        ];
        break;
      case "run.started":
        view.started = event;
        view.startedAt ??= event.time;
        view.trigger = event.trigger ?? "prompt";
        view.causedBy = event.causedBy ?? null;
        view.state = "running";
        break;
      case "session.started":
        view.session = event;
        view.commands = event.commands ?? view.commands;
        break;
      case "session.commands":
        view.commands = event.commands;
        break;
      case "settings.applied":
        view.settings = event;
        break;
      case "message.completed":
      case "reasoning.completed":
        this.#text(event);
        break;
      case "tool.started":
        this.#toolStarted(event);
        break;
      case "tool.completed":
        this.#toolCompleted(event);
        break;
      case "file.changed":
        this.#files.set(event.path, { path: event.path, change: event.change });
        break;
      case "approval.requested":
      case "approval.warning":
      case "approval.extended":
      case "approval.resolved":
      case "approval.moved":
      case "approval.delivery":
        this.#approval(event.approval as unknown as Approval);
        break;
      case "usage":
        view.usage = event.usage;
        view.costUsd = event.costUsd ?? view.costUsd;
        break;
      case "rate_limit":
        view.rateLimit = event;
        break;
      case "notice":
        if (event.code === "plan" || event.code === "todo_list") this.#plan.told(event.data ?? {});
        if (!QUIET.has(event.level ?? "info")) {
          this.#notice(event, event.code, event.message ?? "", event.level as "warning" | "error");
        }
        break;
      case "retry":
        this.#notice(event, "retry", retryText(event), "warning");
        break;
      case "limit":
        this.#notice(event, "limit", limitText(event), event.level);
        break;
      case "timeout":
        this.#notice(event, event.code, timeoutText(event), event.action === "warn" ? "warning" : "error");
        break;
      case "session.quarantined":
        this.#notice(event, "session_quarantined", quarantineText(event), "warning");
        break;
      case "background.lost":
        view.lost = event;
        this.#notice(event, "background_lost", lostText(event), "error");
        break;
      case "unknown":
        this.#line(event, "unknown", event.sourceType, event.raw);
        break;
      case "parse_error":
        this.#line(event, "parse_error", event.error, event.raw);
        break;
      case "oversize":
        this.#line(event, "oversize", `${event.lengthBytes} bytes in one line`, "");
        break;
      case "shadow.compared":
        view.compared = event;
        break;
      case "run.finished":
        this.#finished(event);
        break;
      default:
    }
    this.#lastTime = event.time;
    if (!view.isOver) view.state = this.#present();
  }

  progress(event: EventOf<"tool.progress">): void {
    this.#tool(event.toolCallId, (call) => ({ ...call, progress: event.text || call.progress }));
  }

  view(
    open: ReadonlyMap<
      string,
      { kind: "message" | "reasoning"; text: string; isCut: boolean; parent: string | null }
    >,
    inputs: ReadonlyMap<string, EventOf<"tool.input.delta">>,
  ): RunView {
    const placed = [...this.#placed];
    for (const [id, item] of open) {
      const text: Text = {
        id,
        text: item.text,
        isOpen: true,
        isPartial: false,
        isCut: item.isCut,
        startedAt: this.#lastTime,
        endedAt: null,
      };
      placed.push({ parent: item.parent, block: { kind: item.kind, ...text } });
    }
    for (const input of inputs.values()) {
      const call = writing(input);
      const parent = call.parentToolCallId;
      placed.push({ parent, block: { kind: "tool", id: call.toolCallId, call, children: [] } });
    }
    return {
      ...this.#view,
      blocks: nested(placed),
      plan: this.#plan.items(),
      files: [...this.#files.values()],
      activity: this.#view.isOver ? null : this.activity,
      spans: this.#spans.list(),
      firstTextAt: this.#spans.firstTextAt,
    };
  }

  #present(): RunState {
    if (this.#view.startedAt === null) return "queued";
    return this.#spans.isWaiting ? "waiting_approval" : "running";
  }

  #put(key: string, parent: string | null, block: Block): void {
    const at = this.#at.get(key);
    if (at !== undefined) {
      this.#placed[at] = { parent: this.#placed[at]?.parent ?? parent, block };
      return;
    }
    this.#at.set(key, this.#placed.length);
    this.#placed.push({ parent, block });
  }

  #text(event: EventOf<"message.completed"> | EventOf<"reasoning.completed">): void {
    const kind = event.type === "message.completed" ? "message" : "reasoning";
    // A CLI may use the id of an item again: what was said stays.
    const key = this.#at.has(`text:${event.itemId}`)
      ? `text:${event.itemId}:${event.seq}`
      : `text:${event.itemId}`;
    this.#put(key, event.parentToolCallId ?? null, {
      kind,
      id: key.slice(5),
      text: event.text,
      isOpen: false,
      isPartial: event.partial ?? false,
      isCut: false,
      startedAt: this.#lastTime,
      endedAt: event.time,
    });
  }

  #toolStarted(event: EventOf<"tool.started">): void {
    const key = `tool:${event.toolCallId}`;
    const before = this.#at.get(key);
    const known = before === undefined ? undefined : this.#placed[before]?.block;
    const isRepeated = known?.kind === "tool" && !OPEN.has(known.call.status);
    const call: ToolCall = {
      toolCallId: event.toolCallId,
      name: event.name,
      title: event.title ?? null,
      kind: event.kind ?? null,
      input: event.input,
      inputText: "",
      status: "running",
      output: undefined,
      error: null,
      truncated: false,
      progress: null,
      startedAt: event.time,
      durationMs: null,
      parentToolCallId: event.parentToolCallId ?? null,
    };
    const place = isRepeated ? `${key}:${event.seq}` : key;
    this.#lastOf.set(event.toolCallId, place);
    this.#put(place, call.parentToolCallId, { kind: "tool", id: place.slice(5), call, children: [] });
    this.#plan.called(call);
  }

  #toolCompleted(event: EventOf<"tool.completed">): void {
    const isKnown = this.#tool(event.toolCallId, (call) => ({
      ...call,
      status: event.status,
      output: event.output,
      error: event.error ?? null,
      truncated: event.truncated ?? false,
      durationMs: call.startedAt === null ? null : Date.parse(event.time) - Date.parse(call.startedAt),
    }));
    if (isKnown) return;
    const call = { ...unseen(event.toolCallId, event.name ?? "tool"), status: event.status };
    const error = event.error ?? null;
    const done: ToolCall = { ...call, output: event.output, error, truncated: event.truncated ?? false };
    this.#put(`tool:${event.toolCallId}`, null, {
      kind: "tool",
      id: event.toolCallId,
      call: done,
      children: [],
    });
  }

  #tool(toolCallId: string, change: (call: ToolCall) => ToolCall): boolean {
    const at = this.#at.get(this.#lastOf.get(toolCallId) ?? `tool:${toolCallId}`);
    const placed = at === undefined ? undefined : this.#placed[at];
    if (at === undefined || placed?.block.kind !== "tool") return false;
    const call = change(placed.block.call);
    this.#placed[at] = { parent: placed.parent, block: { ...placed.block, call } };
    return true;
  }

  #approval(approval: Approval): void {
    const id = approval.approvalId;
    const [from, to] =
      approval.state === "pending" ? (["running", "waiting"] as const) : (["waiting", "running"] as const);
    if (approval.toolCallId !== null) {
      this.#tool(approval.toolCallId, (call) => (call.status === from ? { ...call, status: to } : call));
    }
    this.#put(`approval:${id}`, null, { kind: "approval", id, approval });
  }

  #notice(event: Durable, code: string, text: string, level: "warning" | "error" | "info"): void {
    const id = `n${event.seq}`;
    this.#put(id, null, { kind: "notice", id, code, text, level, time: event.time });
  }

  #line(event: Durable, what: "unknown" | "parse_error" | "oversize", label: string, raw: string): void {
    const id = `l${event.seq}`;
    this.#put(id, null, { kind: "line", id, what, label, raw });
  }

  #finished(event: EventOf<"run.finished">): void {
    const view = this.#view;
    view.finished = event;
    view.finishedAt = event.time;
    view.state = event.state as RunState;
    view.isOver = true;
    view.usage = event.usage ?? view.usage;
    view.costUsd = event.costUsd ?? view.costUsd;
    view.steeredInto = event.steeredInto ?? view.steeredInto;
    for (const [at, placed] of this.#placed.entries()) {
      if (placed.block.kind !== "tool" || !OPEN.has(placed.block.call.status)) continue;
      const call: ToolCall = { ...placed.block.call, status: "interrupted" };
      this.#placed[at] = { parent: placed.parent, block: { ...placed.block, call } };
    }
  }
}

/** Blocks in order, those of a helper below the call that began it, which comes before them. */
function nested(placed: readonly Placed[]): Block[] {
  const top: Block[] = [];
  const below = new Map<string, Block[]>();
  for (const { parent, block } of placed) {
    const siblings = (parent === null ? undefined : below.get(parent)) ?? top;
    if (block.kind !== "tool") {
      siblings.push(block);
      continue;
    }
    const children: Block[] = [];
    below.set(block.call.toolCallId, children);
    siblings.push({ ...block, children });
  }
  return top;
}

function unseen(toolCallId: string, name: string): ToolCall {
  return {
    toolCallId,
    name,
    title: null,
    kind: null,
    input: {},
    inputText: "",
    status: "running",
    output: undefined,
    error: null,
    truncated: false,
    progress: null,
    startedAt: null,
    durationMs: null,
    parentToolCallId: null,
  };
}

function writing(input: EventOf<"tool.input.delta">): ToolCall {
  const call = unseen(input.toolCallId, input.name);
  const parentToolCallId = input.parentToolCallId ?? null;
  return { ...call, status: "writing", inputText: input.json, parentToolCallId };
}

/** Where a run's time went. Who waits for a person does not work, whatever else goes on. */
class Spans {
  firstTextAt: string | null = null;

  readonly #sums = new Map<TimeSpan["what"], number>();
  readonly #tools = new Set<string>();
  readonly #approvals = new Set<string>();
  #since: number | null = null;
  #phase: "queue" | "start" | "work" | "over" = "queue";

  get isWaiting(): boolean {
    return this.#approvals.size > 0;
  }

  see(event: Durable): void {
    // Times may be a little out of order: what is asked is stamped before it is told.
    const now = Math.max(this.#since ?? 0, Date.parse(event.time));
    if (this.#since !== null && this.#phase !== "over") {
      const what = this.#what();
      this.#sums.set(what, (this.#sums.get(what) ?? 0) + now - this.#since);
    }
    this.#since = now;
    switch (event.type) {
      case "run.started":
        this.#phase = "start";
        break;
      case "session.started":
        if (this.#phase === "start") this.#phase = "work";
        break;
      case "message.completed":
      case "reasoning.completed":
        this.#phase = this.#phase === "over" ? "over" : "work";
        this.firstTextAt ??= event.time;
        break;
      case "tool.started":
        this.#phase = this.#phase === "over" ? "over" : "work";
        this.#tools.add(event.toolCallId);
        break;
      case "tool.completed":
        this.#tools.delete(event.toolCallId);
        break;
      case "approval.requested":
        this.#approvals.add(String(event.approval.approvalId));
        break;
      case "approval.resolved":
        this.#approvals.delete(String(event.approval.approvalId));
        break;
      case "run.finished":
        this.#phase = "over";
        break;
      default:
    }
  }

  list(): TimeSpan[] {
    const order = ["queue", "start", "model", "tools", "waiting"] as const;
    return order.flatMap((what) => {
      const ms = this.#sums.get(what) ?? 0;
      return ms > 0 ? [{ what, ms }] : [];
    });
  }

  #what(): TimeSpan["what"] {
    if (this.#phase === "queue" || this.#phase === "start") return this.#phase;
    if (this.#approvals.size > 0) return "waiting";
    return this.#tools.size > 0 ? "tools" : "model";
  }
}

const STATUS: Record<string, PlanItem["status"]> = {
  pending: "pending",
  todo: "pending",
  in_progress: "in_progress",
  running: "in_progress",
  completed: "completed",
  done: "completed",
};

/** The list of things to do, in whichever form a CLI keeps it. */
class Plan {
  #items: PlanItem[] = [];

  items(): readonly PlanItem[] {
    return this.#items;
  }

  /** A plan that comes as a message. */
  told(data: Record<string, unknown>): void {
    this.#replace(data.entries ?? data.items);
  }

  /** A plan that is the input of a tool. */
  called(call: ToolCall): void {
    const { name, input } = call;
    if (/^(todowrite|update_plan|write_todos)$/i.test(name)) this.#replace(input.todos ?? input.plan);
    else if (name === "TaskCreate") {
      this.#items = [
        ...this.#items,
        { text: String(input.subject ?? input.description ?? ""), status: "pending" },
      ];
    } else if (name === "TaskUpdate") this.#move(Number(input.taskId) - 1, String(input.status));
  }

  #move(at: number, status: string): void {
    const next = STATUS[status];
    if (next === undefined) return;
    this.#items = this.#items.map((item, index) => (index === at ? { ...item, status: next } : item));
  }

  #replace(list: unknown): void {
    const items = typeof list === "string" ? fromLines(list) : list;
    if (!Array.isArray(items)) return;
    this.#items = items.flatMap((item: unknown) => {
      if (typeof item !== "object" || item === null) return [];
      const one = item as Record<string, unknown>;
      const text = one.content ?? one.step ?? one.description ?? one.text ?? one.title;
      if (typeof text !== "string") return [];
      const isDone = one.completed === true;
      return [{ text, status: isDone ? "completed" : (STATUS[String(one.status)] ?? "pending") }];
    });
  }
}

/** `1. [completed] Do this`, as Factory Droid writes it. */
function fromLines(text: string): unknown[] {
  return text.split("\n").flatMap((line) => {
    const match = /^\s*(?:\d+\.|[-*])\s*\[([a-z_ x]*)\]\s*(.+)$/i.exec(line);
    if (match === null) return [];
    const word = (match[1] ?? "").trim().toLowerCase();
    return [{ content: match[2], status: word === "x" ? "completed" : word || "pending" }];
  });
}

function retryText(event: EventOf<"retry">): string {
  const of = event.maxAttempts == null ? "" : ` of ${event.maxAttempts}`;
  const why = event.message ?? event.code;
  return `The model call failed and is made again (attempt ${event.attempt}${of}): ${why}`;
}

function limitText(event: EventOf<"limit">): string {
  const end = event.level === "error" ? "and is ended" : "and near it";
  return `The CLI takes ${event.used} of ${event.of} (${event.limit}) ${end}.`;
}

function timeoutText(event: EventOf<"timeout">): string {
  const seconds = Math.round(event.limitMs / 1000);
  const word = event.timeout === "no_output" ? "said nothing" : `passed its limit (${event.timeout})`;
  const end = event.action === "warn" ? "it goes on" : "it is ended";
  return `The CLI ${word} for ${seconds} s: ${end}.`;
}

function quarantineText(event: EventOf<"session.quarantined">): string {
  const told = event.historyTurns ?? 0;
  return `The CLI could not go on with its session. A new one was begun, which is told the last ${told} messages and knows nothing else.`;
}

function lostText(event: EventOf<"background.lost">): string {
  const names = event.tasks.map((task) => task.title || task.kind || task.taskId).filter(Boolean);
  return `Work in the background was lost (${event.reason}): ${names.join(", ") || "unnamed"}.`;
}
