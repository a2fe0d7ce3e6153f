/** A run made of its events and nothing else: stored ones in any order, streamed ones as they come. */
import { type OpenItem, Reduction } from "./reduction";
import type { Durable, RunView } from "./runView";
import type { ConversationEvent, EventOf } from "./types";

export class RunLog {
  /** All events from the first one are here. */
  isWhole = false;

  readonly #events: Durable[] = [];
  readonly #ephemeral = new Map<string, OpenItem>();
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
