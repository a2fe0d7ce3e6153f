import { type ConversationLog, type ConversationView, Observable, type Pending } from "@agent-runner/engine";
import { useCallback, useEffect, useMemo, useState } from "react";
import { useEngine } from "./AgentRunnerProvider";
import { useObservable } from "./useObservable";

export interface UseConversation extends ConversationView {
  /** Prompts on their way that are no runs yet. */
  pending: readonly Pending[];
  /** Read what comes before the first entry. */
  older: () => Promise<void>;
  /** Read older turns until this one is there. */
  reach: (turnId: string) => Promise<boolean>;
  /** This run is looked at: its events are wanted first. */
  show: (runId: string) => void;
  reload: () => Promise<void>;
}

const EMPTY: ConversationView = {
  conversation: null,
  entries: [],
  hasOlder: false,
  state: "ready",
  isLoadingOlder: false,
  error: null,
};
const NOTHING = new Observable(EMPTY);

/** A conversation, live: its turns with the runs behind them. null is one that is not begun. */
export function useConversation(agentId: string, conversationId: string | null): UseConversation {
  const engine = useEngine();
  const [log, setLog] = useState<ConversationLog | null>(null);
  useEffect(() => {
    if (conversationId === null) {
      setLog(null);
      return;
    }
    setLog(engine.open(conversationId));
    return () => engine.release(conversationId);
  }, [engine, conversationId]);
  const isCurrent = log !== null && log.conversationId === conversationId;
  const view = useObservable(isCurrent ? log.view : NOTHING);
  const all = useObservable(engine.outbox.pending);
  const pending = useMemo(
    () => all.filter((one) => one.agentId === agentId && one.conversationId === conversationId),
    [all, agentId, conversationId],
  );
  const older = useCallback(async () => log?.older(), [log]);
  const reach = useCallback(async (turnId: string) => (await log?.reach(turnId)) ?? false, [log]);
  const show = useCallback((runId: string) => log?.show(runId), [log]);
  const reload = useCallback(async () => log?.reload(), [log]);
  return useMemo(
    () => ({
      ...view,
      state: conversationId !== null && !isCurrent ? "loading" : view.state,
      pending: withoutAccepted(pending, view),
      older,
      reach,
      show,
      reload,
    }),
    [view, pending, conversationId, isCurrent, older, reach, show, reload],
  );
}

/** Without those whose run is there already, though its acceptance has not been heard of. */
function withoutAccepted(pending: readonly Pending[], view: ConversationView): readonly Pending[] {
  if (pending.length === 0) return pending;
  const prompts: string[] = [];
  for (const entry of view.entries.slice(-20)) {
    if (entry.kind !== "run") continue;
    const prompt = entry.run?.prompt ?? entry.prompt?.content;
    if (prompt != null && entry.prompt === null) prompts.push(`${entry.at} ${prompt}`);
  }
  return pending.filter((one) => {
    const at = prompts.findIndex((told) => told.endsWith(` ${one.text}`) && told > one.at);
    if (at < 0) return true;
    prompts.splice(at, 1);
    return false;
  });
}
