import { type Agent, type Approval, type Engine, must } from "@agent-runner/engine";
import { useEffect, useRef } from "react";
import { useLocation } from "wouter";
import { useEngine } from "../react/AgentRunnerProvider";
import { useObservable } from "../react/useObservable";
import { useStored } from "../ui/stored";

/** Off until it is asked for: the browser tells what waits or ends while nobody looks. */
export function useNotifications() {
  const [isOn, setOn] = useStored("notify");
  const canNotify = typeof Notification !== "undefined";
  const turn = async (on: boolean) => {
    if (!on) setOn("");
    else if ((await Notification.requestPermission()) === "granted") setOn("on");
  };
  return { canNotify, isOn: isOn === "on" && canNotify && Notification.permission === "granted", turn };
}

/** Tells, if it was asked to; one tab speaks for all. */
export function Notifier() {
  const engine = useEngine();
  const { isOn } = useNotifications();
  const leads = useObservable(engine.tabs.leads);
  const approvals = useObservable(engine.approvals);
  const known = useRef<Set<string> | null>(null);
  const [, navigate] = useLocation();
  const isSpeaking = isOn && leads;

  useEffect(() => {
    if (approvals === null) return;
    const isFirst = known.current === null;
    known.current ??= new Set();
    for (const one of approvals.values()) {
      if (known.current.has(one.approvalId)) continue;
      known.current.add(one.approvalId);
      if (!isFirst && one.state === "pending" && isSpeaking) tell(titleOf(one), one.question, addressOf(one));
    }
    function addressOf(one: Approval) {
      return () => navigate(`/chat/${encodeURIComponent(one.agentId)}/${one.conversationId}`);
    }
  }, [approvals, isSpeaking, navigate]);

  const agents = useObservable(engine.agents);
  const busy = useRef<ReadonlyMap<string, string> | null>(null);
  useEffect(() => {
    if (agents === null) return;
    const before = busy.current;
    busy.current = busyOf(agents);
    if (!isSpeaking || before === null) return;
    for (const [agentId, conversationId] of before) {
      if (busy.current.get(agentId) === conversationId) continue;
      void endOf(engine, conversationId).then((words) => {
        if (words !== null)
          tell(agentId, words, () => navigate(`/chat/${encodeURIComponent(agentId)}/${conversationId}`));
      });
    }
  }, [engine, agents, isSpeaking, navigate]);
  return null;
}

/** The conversation that each agent works in. */
function busyOf(agents: ReadonlyMap<string, Agent>): ReadonlyMap<string, string> {
  const busy = new Map<string, string>();
  for (const one of agents.values()) {
    if (one.activeConversationId !== null) busy.set(one.agentId, one.activeConversationId);
  }
  return busy;
}

/** How the newest run of a conversation ended, in words; null if that cannot be told. */
async function endOf(engine: Engine, conversationId: string): Promise<string | null> {
  try {
    const params = { path: { conversationId }, query: { last: 1 } };
    const { turns } = await must(engine.api.GET("/conversations/{conversationId}", { params }));
    const runId = turns[0]?.runId;
    if (runId == null) return null;
    const run = await must(engine.api.GET("/runs/{runId}", { params: { path: { runId } } }));
    return run.success ? "The answer is complete" : `The run ended: ${run.status.replace("_", " ")}`;
  } catch {
    // Deleted meanwhile, or the service is away: there is nothing to tell of.
    return null;
  }
}

function titleOf(approval: Approval): string {
  return `${approval.agentId} wants to use ${approval.tool}`;
}

function tell(title: string, body: string, open: () => void): void {
  if (document.visibilityState === "visible") return;
  const note = new Notification(title, { body: body.slice(0, 200), tag: title });
  note.onclick = () => {
    window.focus();
    open();
    note.close();
  };
}
