/** The list of things to do, in whichever form a CLI keeps it. */
import type { PlanItem, ToolCall } from "./runView";

const STATUS: Record<string, PlanItem["status"]> = {
  pending: "pending",
  todo: "pending",
  in_progress: "in_progress",
  running: "in_progress",
  completed: "completed",
  done: "completed",
};

export class Plan {
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
