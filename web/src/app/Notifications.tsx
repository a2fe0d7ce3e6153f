import type { Approval, ConversationEvent } from "@agent-runner/engine";
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

  useEffect(() => {
    if (!isSpeaking) return;
    return engine.watch((event: ConversationEvent) => {
      if (event.type !== "run.finished") return;
      const agentId = [...(engine.agents.get()?.values() ?? [])].find(
        (one) => one.activeConversationId === event.conversationId,
      )?.agentId;
      const words = event.success ? "The answer is complete" : `The run ended: ${event.state}`;
      tell(agentId ?? "agent-runner", words, () => {
        if (agentId !== undefined) navigate(`/chat/${encodeURIComponent(agentId)}/${event.conversationId}`);
      });
    });
  }, [engine, isSpeaking, navigate]);
  return null;
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
