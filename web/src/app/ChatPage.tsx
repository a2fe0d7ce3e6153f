import { asServiceError, must, type ServiceError } from "@agent-runner/engine";
import { useCallback, useEffect, useMemo, useState } from "react";
import { useLocation, useSearchParams } from "wouter";
import { activeOf, AgentChatPanel } from "../chat/AgentChatPanel";
import { agentStateWord, stateWord } from "../chat/words";
import { useEngine } from "../react/AgentRunnerProvider";
import { useConversation } from "../react/useConversation";
import { useObservable } from "../react/useObservable";
import { RunPanel } from "../run/RunPanel";
import { markSeen } from "../sidebar/unread";
import { Confirm } from "../ui/Confirm";
import { Dialog } from "../ui/Dialog";
import { Dot } from "../ui/Dot";
import { Failure } from "../ui/Failure";
import { typeTitle } from "../ui/format";
import { Menu } from "../ui/Menu";
import { NO_SIDE, useMedia } from "../ui/useMedia";
import { useDocumentTitle } from "./useDocumentTitle";

export interface ChatPageProps {
  agentId: string;
  conversationId: string | null;
}

/** A conversation between its agent's head and the run on the right. */
export function ChatPage({ agentId, conversationId }: ChatPageProps) {
  const engine = useEngine();
  const [, navigate] = useLocation();
  const [params] = useSearchParams();
  const agent = useObservable(engine.agents)?.get(agentId);
  const { entries, conversation } = useConversation(agentId, conversationId);
  const [selected, setSelected] = useState<string | null>(null);
  const [isSheet, setSheet] = useState(false);
  const [asks, setAsks] = useState<"rename" | "delete" | "delete-agent" | null>(null);
  const [failure, setFailure] = useState<ServiceError | null>(null);
  const isNarrow = useMedia(NO_SIDE);
  const active = activeOf(entries);
  const run = useMemo(() => {
    const last = entries.findLast(
      (entry) => entry.kind === "run" && entry.run !== null && entry.run.state !== "queued",
    );
    const wanted = entries.find((entry) => entry.kind === "run" && entry.runId === selected) ?? last;
    return wanted?.kind === "run" ? wanted.run : null;
  }, [entries, selected]);
  const title = conversation?.title ?? (conversationId === null ? "New conversation" : "Conversation");
  useDocumentTitle(`${agent?.name ?? agentId} · ${title}`);

  useEffect(() => {
    setSelected(null);
    setSheet(false);
    setAsks(null);
    setFailure(null);
  }, [agentId, conversationId]);
  const lastTurnSeq = useLastTurnSeq(
    conversationId,
    entries.length,
    run?.isOver ?? true,
    conversation?.lastTurnSeq ?? 0,
  );
  useEffect(() => {
    const see = () => {
      if (conversationId !== null && document.visibilityState === "visible")
        markSeen(conversationId, lastTurnSeq);
    };
    see();
    document.addEventListener("visibilitychange", see);
    return () => document.removeEventListener("visibilitychange", see);
  }, [conversationId, lastTurnSeq]);

  const [visit, beginsAs] = useVisit(agentId, conversationId);
  const to = useCallback(
    (id: string) => {
      beginsAs(id);
      navigate(`/chat/${encodeURIComponent(agentId)}/${id}`);
    },
    [beginsAs, navigate, agentId],
  );
  const linkOf = useCallback(
    (id: string, turn: string) => `${location.origin}/chat/${encodeURIComponent(agentId)}/${id}?turn=${turn}`,
    [agentId],
  );
  const onSelectRun = useCallback((runId: string) => {
    setSelected(runId);
    setSheet(true);
  }, []);
  const patch = async (body: { title?: string; archived?: boolean }) => {
    if (conversationId === null) return;
    const params = { path: { conversationId } };
    engine.changed(await must(engine.api.PATCH("/conversations/{conversationId}", { params, body })));
    engine.agents.update((all) => new Map(all));
  };
  const trying = (work: Promise<unknown>) => {
    setFailure(null);
    work.catch((error: unknown) => setFailure(asServiceError(error)));
  };
  const remove = async () => {
    if (conversationId === null) return;
    await must(
      engine.api.DELETE("/conversations/{conversationId}", { params: { path: { conversationId } } }),
    );
    engine.agents.update((all) => new Map(all));
    navigate(`/chat/${encodeURIComponent(agentId)}`);
  };
  const removeAgent = async () => {
    await must(engine.api.DELETE("/agents/{agentId}", { params: { path: { agentId } } }));
    engine.agents.update((all) => new Map([...(all ?? [])].filter(([id]) => id !== agentId)));
    navigate("/");
  };
  const shown = active !== null ? stateWord(active) : agentStateWord(agent?.state ?? "idle");
  const cwd = agent?.options.cwd;
  const header = (
    <header className="chat-head">
      <button
        type="button"
        className="quiet icon back"
        aria-label="All conversations"
        onClick={() => navigate("/")}
      >
        ‹
      </button>
      <div className="chat-title">
        <h1 dir="auto">{title}</h1>
        <p>
          <span className="narrow-only">{shown.word} · </span>
          {agent === undefined ? agentId : `${agent.name ?? agentId} · ${typeTitle(agent.type)}`}
          {typeof cwd === "string" && (
            <>
              {" · "}
              <span className="path">{cwd}</span>
            </>
          )}
        </p>
      </div>
      <div className="acts">
        <span className={`state ${shown.tone}`}>
          <Dot tone={shown.tone} /> {shown.word}
        </span>
        {isNarrow && conversationId !== null && (
          <button type="button" className="quiet" onClick={() => setSheet(true)}>
            Run
          </button>
        )}
        {conversationId !== null && (
          <button
            type="button"
            className="quiet wide-only"
            onClick={() => navigate(`/chat/${encodeURIComponent(agentId)}`)}
          >
            New conversation
          </button>
        )}
        <Menu
          label="More"
          items={[
            ...(conversationId === null
              ? []
              : [
                  {
                    label: "New conversation",
                    onSelect: () => navigate(`/chat/${encodeURIComponent(agentId)}`),
                  },
                  { label: "Rename…", onSelect: () => setAsks("rename") },
                  {
                    label: conversation?.archived === true ? "Back from the archive" : "Archive",
                    onSelect: () => trying(patch({ archived: conversation?.archived !== true })),
                  },
                  { label: "Delete conversation…", onSelect: () => setAsks("delete"), isDangerous: true },
                ]),
            { label: "Delete agent…", onSelect: () => setAsks("delete-agent"), isDangerous: true },
          ]}
        />
      </div>
    </header>
  );

  return (
    <>
      <main className="chat">
        <AgentChatPanel
          key={visit}
          agentId={agentId}
          conversationId={conversationId}
          turnId={params.get("turn")}
          onConversation={to}
          selectedRunId={selected}
          onSelectRun={onSelectRun}
          linkOf={linkOf}
          header={
            <>
              {header}
              {failure !== null && <Failure error={failure} />}
            </>
          }
        />
      </main>
      {!isNarrow && (
        <aside aria-label="This run">
          <RunPanel agentId={agentId} conversationId={conversationId ?? ""} run={run} />
        </aside>
      )}
      {isNarrow && isSheet && (
        <Dialog title="Run" kind="sheet" onClose={() => setSheet(false)}>
          <RunPanel agentId={agentId} conversationId={conversationId ?? ""} run={run} />
        </Dialog>
      )}
      {asks === "rename" && (
        <Rename title={title} onSave={(next) => patch({ title: next })} onClose={() => setAsks(null)} />
      )}
      {asks === "delete" && (
        <Confirm
          title="Delete this conversation?"
          action="Delete"
          isDangerous
          onConfirm={remove}
          onClose={() => setAsks(null)}
        >
          <p>
            All its messages, runs and events go, and cannot be had back. The CLI's own session and the
            agent's folder stay as they are.
          </p>
        </Confirm>
      )}
      {asks === "delete-agent" && (
        <Confirm
          title={`Delete agent ${agentId}?`}
          action="Delete"
          isDangerous
          onConfirm={removeAgent}
          onClose={() => setAsks(null)}
        >
          <p>The agent goes with all its conversations, and cannot be had back. Its folder stays as it is.</p>
        </Confirm>
      )}
    </>
  );
}

/** A number for each visit to a conversation; one that begins with a prompt stays the same visit. */
function useVisit(
  agentId: string,
  conversationId: string | null,
): [number, (conversationId: string) => void] {
  const [visit, setVisit] = useState({ agentId, conversationId, begins: null as string | null, number: 0 });
  if (visit.agentId !== agentId || visit.conversationId !== conversationId) {
    const hasBegun =
      visit.agentId === agentId && visit.conversationId === null && visit.begins === conversationId;
    setVisit({ agentId, conversationId, begins: null, number: hasBegun ? visit.number : visit.number + 1 });
  }
  const beginsAs = useCallback((begins: string) => setVisit((one) => ({ ...one, begins })), []);
  return [visit.number, beginsAs];
}

/** Turns that were added while the page was open count as well. */
function useLastTurnSeq(id: string | null, entries: number, isOver: boolean, known: number): number {
  const engine = useEngine();
  const [last, setLast] = useState({ id, seq: known });
  useEffect(() => {
    if (id === null) return;
    let isCurrent = true;
    const params = { path: { conversationId: id }, query: { last: 1 } };
    must(engine.api.GET("/conversations/{conversationId}", { params }))
      .then((page) => isCurrent && setLast({ id, seq: page.conversation?.lastTurnSeq ?? 0 }))
      .catch(() => undefined);
    return () => {
      isCurrent = false;
    };
  }, [engine, id, entries, isOver]);
  return last.id === id ? Math.max(last.seq, known) : known;
}

function Rename({
  title,
  onSave,
  onClose,
}: {
  title: string;
  onSave: (title: string) => Promise<void>;
  onClose: () => void;
}) {
  const [text, setText] = useState(title);
  return (
    <Confirm
      title="Rename"
      action="Rename"
      isReady={text.trim() !== ""}
      onConfirm={() => onSave(text.trim())}
      onClose={onClose}
    >
      <label className="field">
        Title
        <input value={text} dir="auto" autoFocus onChange={(event) => setText(event.target.value)} />
      </label>
    </Confirm>
  );
}
