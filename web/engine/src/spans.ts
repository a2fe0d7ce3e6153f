/** Where a run's time went. */
import type { Durable, TimeSpan } from "./runView";

/** Who waits for a person does not work, whatever else goes on. */
export class Spans {
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
