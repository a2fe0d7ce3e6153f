import type { Agent, Approval, ConversationSummary } from "@agent-runner/engine";
import { memo, useEffect, useMemo, useRef, useState } from "react";
import { VList } from "virtua";
import { Link, useLocation } from "wouter";
import { useEngine } from "../react/AgentRunnerProvider";
import { useObservable } from "../react/useObservable";
import { Dot, type Tone } from "../ui/Dot";
import { shortTime, typeTitle } from "../ui/format";
import { useNow } from "../ui/useNow";
import { LinkState } from "./LinkState";
import { NewAgent } from "./NewAgent";
import { isUnread, useSeen } from "./unread";
import { useConversations } from "./useConversations";
import "./sidebar.css";

export interface SidebarProps {
  agentId: string | null;
  conversationId: string | null;
}

type Row =
  | { kind: "agent"; key: string; agent: Agent }
  | { kind: "conversation"; key: string; one: ConversationSummary; agent: Agent | undefined }
  | { kind: "more"; key: string; agentId: string; count: number };

/** So many of an agent's conversations are shown until more are asked for. */
const SHOWN = 6;

/** Agents and their conversations, what waits, and the ways to everywhere else. */
export function Sidebar({ agentId, conversationId }: SidebarProps) {
  const engine = useEngine();
  const agents = useObservable(engine.agents);
  const approvals = useObservable(engine.approvals);
  const [isArchive, setArchive] = useState(false);
  const [isNew, setNew] = useState(false);
  const [wide, setWide] = useState<ReadonlySet<string>>(new Set());
  const { data: conversations, isPending, error } = useConversations(isArchive);
  const seen = useSeen(conversations ?? []);
  const waiting = useMemo(() => waitingOf(approvals), [approvals]);
  const rows = useMemo(
    () => rowsOf(agents, conversations ?? [], wide, conversationId, isArchive),
    [agents, conversations, wide, conversationId, isArchive],
  );
  return (
    <nav className="side" aria-label="Agents and conversations">
      <div className="brand">
        <Link href="/">
          <b>agent-runner</b>
        </Link>
        <LinkState />
      </div>
      <Search />
      <Link href="/inbox" className={waiting.count > 0 ? "inbox on" : "inbox"}>
        <span>{waiting.count > 0 ? "Waiting for you" : "Nothing waits for you"}</span>
        {waiting.count > 0 && <b className="n">{waiting.count}</b>}
      </Link>
      {error !== null && <p className="hint side-note">The conversations cannot be read just now.</p>}
      {rows.length === 0 && !isPending && agents !== null && (
        <p className="hint side-note">
          {isArchive
            ? "Nothing is archived."
            : "No agent yet. Make one below: it is a CLI, a folder and a name."}
        </p>
      )}
      <VList className="side-list" data={rows} role="list">
        {(row) => (
          <div key={row.key} role="listitem">
            {row.kind === "agent" && (
              <AgentHead
                agent={row.agent}
                isCurrent={row.agent.agentId === agentId && conversationId === null}
              />
            )}
            {row.kind === "conversation" && (
              <ConversationLine
                one={row.one}
                agent={row.agent}
                asks={waiting.by.get(row.one.conversationId) ?? null}
                isUnread={isUnread(row.one, seen) && row.one.conversationId !== conversationId}
                isCurrent={row.one.conversationId === conversationId}
              />
            )}
            {row.kind === "more" && (
              <button
                type="button"
                className="quiet small more"
                onClick={() => setWide(new Set([...wide, row.agentId]))}
              >
                {row.count} more
              </button>
            )}
          </div>
        )}
      </VList>
      <div className="side-foot">
        <Link href="/operate/fallback">Operate</Link>
        <Link href="/operate/settings">Settings</Link>
        <button
          type="button"
          className="quiet small"
          aria-pressed={isArchive}
          onClick={() => setArchive(!isArchive)}
        >
          {isArchive ? "Back from the archive" : "Archive"}
        </button>
        <button type="button" onClick={() => setNew(true)}>
          New agent
        </button>
      </div>
      {isNew && <NewAgent onClose={() => setNew(false)} />}
    </nav>
  );
}

function Search() {
  const [text, setText] = useState("");
  const [, navigate] = useLocation();
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const isTyping =
        event.target instanceof Element && event.target.closest("input,textarea,select,dialog");
      if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      field.current?.focus();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  return (
    <form
      className="search"
      role="search"
      aria-label="Everything"
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim() !== "") navigate(`/find?q=${encodeURIComponent(text.trim())}`);
      }}
    >
      <input
        ref={field}
        type="search"
        value={text}
        dir="auto"
        placeholder="Search everything"
        aria-label="Search everything"
        aria-keyshortcuts="/"
        onChange={(event) => setText(event.target.value)}
      />
      <kbd>/</kbd>
    </form>
  );
}

const AgentHead = memo(function AgentHead({ agent, isCurrent }: { agent: Agent; isCurrent: boolean }) {
  return (
    <h2 className={isCurrent ? "agent-head sel" : "agent-head"}>
      <Link href={`/chat/${encodeURIComponent(agent.agentId)}`} title="Begin a new conversation">
        <span dir="auto">{agent.name ?? agent.agentId}</span> <em>{typeTitle(agent.type)}</em>
      </Link>
      <i className={`mode ${agent.commMode}`}>{agent.commMode}</i>
      <Link
        href={`/chat/${encodeURIComponent(agent.agentId)}`}
        className="plus"
        aria-label={`New conversation with ${agent.name ?? agent.agentId}`}
      >
        +
      </Link>
    </h2>
  );
});

interface ConversationLineProps {
  one: ConversationSummary;
  agent: Agent | undefined;
  asks: Approval | null;
  isUnread: boolean;
  isCurrent: boolean;
}

const ConversationLine = memo(function ConversationLine(props: ConversationLineProps) {
  const { one, agent, asks, isCurrent } = props;
  const now = useNow(30_000);
  const isActive = agent?.activeConversationId === one.conversationId;
  const [tone, word]: [Tone, string] =
    asks !== null
      ? ["wait", "waits for you"]
      : isActive
        ? ["run", "working"]
        : props.isUnread
          ? ["good", "new answer"]
          : ["idle", ""];
  const at = one.lastTurn?.createdAt ?? one.updatedAt;
  return (
    <Link
      href={`/chat/${encodeURIComponent(one.agentId)}/${one.conversationId}`}
      className={`conv${isCurrent ? " sel" : ""}${props.isUnread ? " unread" : ""}`}
      aria-current={isCurrent ? "page" : undefined}
    >
      <Dot tone={tone} {...(word === "" ? {} : { label: word })} />
      <span dir="auto">{one.title ?? one.lastTurn?.beginning ?? "New conversation"}</span>
      <time dateTime={at}>{shortTime(at, now)}</time>
      <small dir="auto">
        {asks !== null
          ? `wants to use ${asks.tool}`
          : isActive
            ? "working…"
            : (one.lastTurn?.beginning ?? "nothing said yet")}
      </small>
    </Link>
  );
});

function waitingOf(approvals: ReadonlyMap<string, Approval> | null) {
  const by = new Map<string, Approval>();
  let count = 0;
  for (const one of approvals?.values() ?? []) {
    if (one.state !== "pending") continue;
    count += 1;
    by.set(one.conversationId, one);
  }
  return { by, count };
}

function rowsOf(
  agents: ReadonlyMap<string, Agent> | null,
  conversations: readonly ConversationSummary[],
  wide: ReadonlySet<string>,
  current: string | null,
  isArchive: boolean,
): Row[] {
  const byAgent = new Map<string, ConversationSummary[]>();
  for (const one of conversations) {
    const list = byAgent.get(one.agentId);
    if (list === undefined) byAgent.set(one.agentId, [one]);
    else list.push(one);
  }
  const known = [...(agents?.values() ?? [])].sort(
    (a, b) =>
      (b.lastActivityAt ?? b.createdAt).localeCompare(a.lastActivityAt ?? a.createdAt) ||
      a.agentId.localeCompare(b.agentId),
  );
  const rows: Row[] = [];
  for (const agent of known) {
    const own = byAgent.get(agent.agentId) ?? [];
    if (isArchive && own.length === 0) continue;
    rows.push({ kind: "agent", key: `a:${agent.agentId}`, agent });
    const shown = wide.has(agent.agentId)
      ? own
      : own.filter((one, at) => at < SHOWN || one.conversationId === current);
    for (const one of shown) rows.push({ kind: "conversation", key: one.conversationId, one, agent });
    if (shown.length < own.length) {
      rows.push({
        kind: "more",
        key: `m:${agent.agentId}`,
        agentId: agent.agentId,
        count: own.length - shown.length,
      });
    }
  }
  return rows;
}
