/** What events beside words and deeds say to a person. */
import type { EventOf } from "./types";

export function retryText(event: EventOf<"retry">): string {
  const of = event.maxAttempts == null ? "" : ` of ${event.maxAttempts}`;
  const why = event.message ?? event.code;
  return `The model call failed and is made again (attempt ${event.attempt}${of}): ${why}`;
}

export function limitText(event: EventOf<"limit">): string {
  const end = event.level === "error" ? "and is ended" : "and near it";
  return `The CLI takes ${event.used} of ${event.of} (${event.limit}) ${end}.`;
}

export function timeoutText(event: EventOf<"timeout">): string {
  const seconds = Math.round(event.limitMs / 1000);
  const word = event.timeout === "no_output" ? "said nothing" : `passed its limit (${event.timeout})`;
  const end = event.action === "warn" ? "it goes on" : "it is ended";
  return `The CLI ${word} for ${seconds} s: ${end}.`;
}

export function quarantineText(event: EventOf<"session.quarantined">): string {
  const told = event.historyTurns ?? 0;
  return `The CLI could not go on with its session. A new one was begun, which is told the last ${told} messages and knows nothing else.`;
}

export function lostText(event: EventOf<"background.lost">): string {
  const names = event.tasks.map((task) => task.title || task.kind || task.taskId).filter(Boolean);
  return `Work in the background was lost (${event.reason}): ${names.join(", ") || "unnamed"}.`;
}
