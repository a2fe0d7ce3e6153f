import { asServiceError, type Entry, type Pending, type RunEntry } from "@agent-runner/engine";
import { type DragEvent, type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useEngine } from "../react/AgentRunnerProvider";
import { type ExecuteOptions, useAgentExecute } from "../react/useAgentExecute";
import { useConversation } from "../react/useConversation";
import { useObservable } from "../react/useObservable";
import { Failure } from "../ui/Failure";
import { typeTitle } from "../ui/format";
import { keep, stored } from "../ui/stored";
import { Composer, type ComposerHandle } from "./Composer";
import { InView } from "./inView";
import { Transcript } from "./Transcript";
import "./chat.css";

export interface AgentChatPanelProps {
  agentId: string;
  /** null begins a new conversation with the first prompt. */
  conversationId?: string | null;
  /** A turn to show in the place of the end. */
  turnId?: string | null;
  /** The first prompt has made a conversation, or an answer was forked. */
  onConversation?: (conversationId: string) => void;
  selectedRunId?: string | null;
  onSelectRun?: (runId: string) => void;
  linkOf?: (conversationId: string, turnId: string) => string;
  header?: ReactNode;
}

/** A whole chat with one agent: what was said and done, its questions, and where to write. */
export function AgentChatPanel(props: AgentChatPanelProps) {
  const { agentId, conversationId: given = null, turnId = null, onConversation, onSelectRun } = props;
  const engine = useEngine();
  const [own, setOwn] = useState<string | null>(null);
  const conversationId = given ?? own;
  const agents = useObservable(engine.agents);
  const approvals = useObservable(engine.approvals);
  const agent = agents?.get(agentId) ?? null;
  const conversation = useConversation(agentId, conversationId);
  const { execute, stop, retry, discard, runs } = useAgentExecute(agentId, conversationId);
  const composer = useRef<ComposerHandle>(null);
  const panel = useRef<HTMLElement>(null);
  /** Prompts that begin a conversation; after a reload, those that are on their way. */
  const [sent, setSent] = useState<readonly string[]>(() =>
    engine.outbox.pending
      .get()
      .flatMap((one) => (one.agentId === agentId && one.conversationId === null ? [one.key] : [])),
  );
  const [failure, setFailure] = useState<{ code: string; message: string; hint: string | null } | null>(null);
  const [isDropping, setDropping] = useState(false);
  const [inView, setInView] = useState<ReadonlySet<string>>(new Set());
  const { entries, pending, reach, show } = conversation;

  const begun = sent.map((key) => runs.get(key)).find((one) => one !== undefined);
  useEffect(() => {
    if (begun === undefined || conversationId !== null) return;
    // What is written already goes on there.
    keep(`draft.${begun.conversationId}`, stored(`draft.new.${agentId}`));
    setOwn(begun.conversationId);
    onConversation?.(begun.conversationId);
  }, [begun, agentId, conversationId, onConversation]);
  useEffect(() => {
    if (own === null) return;
    for (const what of ["draft", "files"]) keep(`${what}.new.${agentId}`, "");
  }, [own, agentId]);
  useEffect(() => {
    if (turnId !== null) void reach(turnId);
  }, [reach, turnId]);

  const failing = useCallback(async (work: Promise<unknown>) => {
    setFailure(null);
    try {
      await work;
    } catch (error) {
      setFailure(asServiceError(error));
    }
  }, []);
  const send = useCallback(
    (text: string, options: ExecuteOptions) => {
      setFailure(null);
      const first = pending.findLast((one) => one.conversationId === null && one.state !== "refused");
      const key = execute(text, { ...options, follows: first?.key ?? null });
      if (conversationId === null) setSent((all) => [...all, key]);
    },
    [execute, pending, conversationId],
  );
  const active = activeOf(entries);
  const onRetry = useCallback(
    (entry: RunEntry) => {
      const text = entry.run?.prompt ?? entry.prompt?.content;
      if (text != null) send(text, { attachments: entry.prompt?.attachments ?? [] });
    },
    [send],
  );
  const onFork = useCallback(
    (from: string) => {
      if (conversationId === null) return;
      const params = { path: { conversationId } };
      void failing(
        engine.fork(params.path.conversationId, from).then((made) => onConversation?.(made.conversationId)),
      );
    },
    [engine, conversationId, onConversation, failing],
  );
  const onTakeBack = useCallback(
    (entry: RunEntry) => {
      const text = entry.run?.prompt ?? entry.prompt?.content ?? "";
      const attachments = entry.prompt?.attachments ?? [];
      const work = engine.takeBack(entry.runId).then(() => composer.current?.edit({ text, attachments }));
      void failing(work);
    },
    [engine, failing],
  );
  const { linkOf: link } = props;
  const linkOf = useCallback(
    (turn: string) => {
      if (link !== undefined && conversationId !== null) return link(conversationId, turn);
      return `${location.href.split("?")[0]}?turn=${turn}`;
    },
    [link, conversationId],
  );
  const { older } = conversation;
  const onOlder = useCallback(() => void older(), [older]);
  const onSelect = useCallback((runId: string) => onSelectRun?.(runId), [onSelectRun]);
  const of = useMemo(
    () => ({
      onRetry: retry,
      onDiscard: discard,
      onEdit: (one: Pending) => {
        composer.current?.edit(one);
        discard(one.key);
      },
    }),
    [retry, discard],
  );
  const onTyping = () => {
    if (agent === null || conversationId === null || agent.state !== "idle" || agent.warm.length > 0) return;
    // Only to be quicker: an agent without a process that stays says so, and nothing is lost.
    engine.warmUp(agentId, conversationId);
  };
  const waiting = useMemo(
    () =>
      [...(approvals?.values() ?? [])].filter(
        (one) => one.state === "pending" && one.conversationId === conversationId,
      ),
    [approvals, conversationId],
  );
  const onInView = useCallback((approvalId: string, isVisible: boolean) => {
    setInView((all) => {
      if (all.has(approvalId) === isVisible) return all;
      const next = new Set(all);
      if (isVisible) next.add(approvalId);
      else next.delete(approvalId);
      return next;
    });
  }, []);
  const history = useMemo(() => promptsOf(entries), [entries]);
  const commands = useMemo(() => commandsOf(entries), [entries]);
  const onDrop = (event: DragEvent) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    setDropping(false);
    composer.current?.attach(event.dataTransfer.files);
  };

  return (
    <section
      ref={panel}
      className={isDropping ? "chat-panel dropping" : "chat-panel"}
      aria-label={`Chat with ${agent?.name ?? agentId}`}
      onDragOver={(event) => {
        if (!hasFiles(event)) return;
        event.preventDefault();
        setDropping(true);
      }}
      onDragLeave={() => setDropping(false)}
      onDrop={onDrop}
    >
      {props.header}
      <div className="chat-body">
        {conversation.state === "failed" && conversation.error !== null && (
          <Failure error={conversation.error}>
            <button type="button" onClick={() => void conversation.reload()}>
              Try again
            </button>
          </Failure>
        )}
        {conversation.state === "gone" ? (
          <div className="log empty">
            <p>This conversation was deleted, or never was.</p>
          </div>
        ) : (
          <InView value={onInView}>
            <Transcript
              key={conversationId ?? "new"}
              entries={entries}
              pending={conversation.pending}
              hasOlder={conversation.hasOlder}
              isLoadingOlder={conversation.isLoadingOlder}
              agentType={agent?.type}
              selectedRunId={props.selectedRunId ?? null}
              turnId={turnId}
              empty={
                conversation.state === "loading" ? (
                  <p className="hint">Loading…</p>
                ) : (
                  <Empty agentId={agentId} />
                )
              }
              onOlder={onOlder}
              onVisible={show}
              onSelect={onSelect}
              onRetry={onRetry}
              onFork={onFork}
              onTakeBack={onTakeBack}
              linkOf={linkOf}
              of={of}
            />
          </InView>
        )}
      </div>
      <div className="chat-foot">
        <WaitingStrip
          waiting={waiting.map((one) => one.approvalId).filter((id) => !inView.has(id))}
          panel={panel}
        />
        {failure !== null && <Failure error={failure} />}
        <Announcer active={active} waiting={waiting.length} />
        <Composer
          ref={composer}
          agent={agent}
          isGone={agents !== null && agent === null}
          draftKey={conversationId ?? `new.${agentId}`}
          active={active}
          history={history}
          commands={commands}
          onSend={send}
          onStop={() => active !== null && void failing(stop(active.runId))}
          onTyping={onTyping}
        />
      </div>
    </section>
  );
}

/** Words that are dragged go to where they are dropped. */
function hasFiles(event: DragEvent): boolean {
  return event.dataTransfer.types.includes("Files");
}

function Empty({ agentId }: { agentId: string }) {
  const engine = useEngine();
  const agent = useObservable(engine.agents)?.get(agentId);
  if (agent === undefined) return <p className="hint">There is no agent {agentId}.</p>;
  const cwd = agent.options.cwd;
  return (
    <div className="teach">
      <h2>{agent.name ?? agent.agentId}</h2>
      <p>
        {agent.description ?? `${typeTitle(agent.type)}, driven ${agent.commMode}.`}
        {typeof cwd === "string" && (
          <>
            {" "}
            It works in <code>{cwd}</code>.
          </>
        )}
      </p>
      {agent.type === "replay" ? (
        <p>This one plays a recording: say anything, and see how an answer comes.</p>
      ) : (
        <ul>
          <li>Ask what a folder is for, or for a change; paste a screenshot of what is wrong.</li>
          <li>What it may not do by itself it asks you here. The answer can come tomorrow.</li>
          <li>Close the page whenever you like: it works on, and everything is here when you are back.</li>
        </ul>
      )}
    </div>
  );
}

/** A question out of view: the way back to it. */
function WaitingStrip({
  waiting,
  panel,
}: {
  waiting: readonly string[];
  panel: { current: HTMLElement | null };
}) {
  if (waiting.length === 0) return null;
  const show = () => {
    const card = panel.current?.querySelector<HTMLElement>(`section[data-approval="${waiting[0]}"]`);
    if (card == null) panel.current?.querySelector<HTMLButtonElement>("button.latest")?.click();
    card?.scrollIntoView({ block: "center" });
    card?.focus();
  };
  return (
    <button type="button" className="waiting-strip" onClick={show}>
      <b>{waiting.length === 1 ? "A question waits for you" : `${waiting.length} questions wait for you`}</b>
      <span>Show</span>
    </button>
  );
}

/** Says aloud what those see who look. */
function Announcer({ active, waiting }: { active: { state: string } | null; waiting: number }) {
  const [was, setWas] = useState(false);
  useEffect(() => {
    if (active !== null) setWas(true);
  }, [active]);
  const words =
    waiting > 0
      ? "The agent asks for your approval"
      : active !== null
        ? "The agent is working"
        : was
          ? "The answer is complete"
          : "";
  return (
    <p className="unseen" role="status" aria-live="polite">
      {words}
    </p>
  );
}

/** The run that holds the conversation; prompts that wait behind it are none. */
export function activeOf(entries: readonly Entry[]) {
  for (let at = entries.length - 1; at >= 0 && at > entries.length - 40; at -= 1) {
    const entry = entries[at];
    if (entry?.kind !== "run" || entry.run === null || entry.run.isOver) continue;
    if (entry.run.state !== "queued" && entry.run.trigger === "prompt") return entry.run;
  }
  return null;
}

function promptsOf(entries: readonly Entry[]): string[] {
  const prompts: string[] = [];
  for (const entry of entries.slice(-100)) {
    if (entry.kind !== "run") continue;
    const text = entry.run?.prompt ?? entry.prompt?.content;
    if (text != null && prompts.at(-1) !== text) prompts.push(text);
  }
  return prompts;
}

function commandsOf(entries: readonly Entry[]): readonly string[] {
  for (let at = entries.length - 1; at >= 0; at -= 1) {
    const entry = entries[at];
    if (entry?.kind === "run" && entry.run != null && entry.run.commands.length > 0)
      return entry.run.commands;
  }
  return [];
}
