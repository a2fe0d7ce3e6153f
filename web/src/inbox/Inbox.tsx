import { useMemo } from "react";
import { Link } from "wouter";
import { ApprovalCard } from "../chat/ApprovalCard";
import { useEngine } from "../react/AgentRunnerProvider";
import { useObservable } from "../react/useObservable";

/** Every question that waits for a person, oldest first. */
export function Inbox() {
  const engine = useEngine();
  const approvals = useObservable(engine.approvals);
  const agents = useObservable(engine.agents);
  const all = useMemo(
    () => [...(approvals?.values() ?? [])].sort((a, b) => a.createdAt.localeCompare(b.createdAt)),
    [approvals],
  );
  const waiting = all.filter((one) => one.state === "pending");
  const decided = all.filter((one) => one.state !== "pending").reverse();
  return (
    <div className="wide">
      <h1>Waiting for you</h1>
      <p className="lead">
        What agents may not do by themselves they ask here. Their runs wait meanwhile, also over a restart;
        whoever is first decides.
      </p>
      {approvals === null && <p className="hint">Loading…</p>}
      {approvals !== null && waiting.length === 0 && (
        <p className="hint">
          Nothing waits. A question comes up here, in its conversation and in the page's title; what never
          asks is an agent's setting of permissions.
        </p>
      )}
      {all.length > 0 && <h2 className="unseen">Questions</h2>}
      {[...waiting, ...decided].map((one) => (
        <ApprovalCard
          key={one.approvalId}
          approval={one}
          {...(agents?.get(one.agentId) === undefined
            ? {}
            : { agentType: agents.get(one.agentId)?.type ?? "" })}
        >
          <p className="from">
            <Link href={`/chat/${encodeURIComponent(one.agentId)}/${one.conversationId}`}>
              {agents?.get(one.agentId)?.name ?? one.agentId}: open the conversation
            </Link>
          </p>
        </ApprovalCard>
      ))}
    </div>
  );
}
