import type { ConversationSummary } from "@agent-runner/engine";
import { useEffect } from "react";
import { keep, stored, useStored } from "../ui/stored";

const NAME = "seen";
const MOST = 500;

type Seen = Record<string, number>;

function parsed(text: string): Seen {
  try {
    return text === "" ? {} : (JSON.parse(text) as Seen);
  } catch {
    return {};
  }
}

/** How far this browser has seen each conversation; what it never saw before counts as read. */
export function useSeen(conversations: readonly ConversationSummary[]): Seen {
  const [text] = useStored(NAME);
  const seen = parsed(text);
  useEffect(() => {
    if (conversations.length === 0) return;
    const all = parsed(stored(NAME));
    const isFirst = stored(NAME) === "";
    const unknown = conversations.filter((one) => !(one.conversationId in all));
    if (unknown.length === 0) return;
    for (const one of unknown) all[one.conversationId] = isFirst ? one.lastTurnSeq : 0;
    keep(NAME, JSON.stringify(Object.fromEntries(Object.entries(all).slice(-MOST))));
  }, [conversations]);
  return seen;
}

export function markSeen(conversationId: string, lastTurnSeq: number): void {
  const all = parsed(stored(NAME));
  if ((all[conversationId] ?? -1) >= lastTurnSeq) return;
  delete all[conversationId];
  all[conversationId] = lastTurnSeq;
  keep(NAME, JSON.stringify(all));
}

export function isUnread(one: ConversationSummary, seen: Seen): boolean {
  const until = seen[one.conversationId];
  return until !== undefined && one.lastTurnSeq > until && one.lastTurn?.role !== "user";
}
