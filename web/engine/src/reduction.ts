/** The stored events of a run, one after the other, and what they make. */
import { limitText, lostText, quarantineText, retryText, timeoutText } from "./noticeWords";
import { Plan } from "./plan";
import type { Block, Durable, FileChange, RunView, Text, ToolCall, ToolStatus } from "./runView";
import { Spans } from "./spans";
import type { Approval, EventOf, RunState } from "./types";

/** An item whose end has not come. */
export interface OpenItem {
  kind: "message" | "reasoning";
  text: string;
  isCut: boolean;
  parent: string | null;
}

/** Told by a CLI for its own sake: shown in the timeline of events alone. */
const QUIET = new Set(["debug", "info"]);

const OPEN: ReadonlySet<ToolStatus> = new Set(["running", "waiting"]);

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface Placed {
  parent: string | null;
  block: Block;
}

/** The durable part, event by event. */
export class Reduction {
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
    open: ReadonlyMap<string, OpenItem>,
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
