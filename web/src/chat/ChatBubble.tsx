import type { Entry, Pending, RunEntry, TurnAttachment } from "@agent-runner/engine";
import { memo, useEffect, useState } from "react";
import { Markdown } from "../markdown/Markdown";
import { useEngine } from "../react/AgentRunnerProvider";
import { Boundary } from "../ui/Boundary";
import { Dialog } from "../ui/Dialog";
import { Dot } from "../ui/Dot";
import { Failure } from "../ui/Failure";
import { bytes, clock, count, duration, fullTime, money } from "../ui/format";
import { RunBlocks } from "./RunBlocks";
import { endingOf, stateWord } from "./words";

export interface ChatBubbleProps {
  entry: Entry;
  agentType?: string;
  isSelected?: boolean;
  /** The run is in view: its events are wanted. */
  onVisible?: (runId: string) => void;
  onSelect?: (runId: string) => void;
  onRetry?: (entry: RunEntry) => void;
  onFork?: (turnId: string) => void;
  /** Take a prompt that waits out of the queue, to write it anew. */
  onTakeBack?: (entry: RunEntry) => void;
  /** The address of a turn, for those who want to point at it. */
  linkOf?: (turnId: string) => string;
}

/** A prompt and all that came of it; or a turn that belongs to no run. */
export const ChatBubble = memo(function ChatBubble(props: ChatBubbleProps) {
  return (
    <Boundary
      fallback={(error) => <p className="notice error">This part could not be drawn: {error.message}</p>}
    >
      <Bubble {...props} />
    </Boundary>
  );
});

function Bubble(props: ChatBubbleProps) {
  const { entry } = props;
  if (entry.kind === "run") return <RunBubble {...props} entry={entry} />;
  const { turn } = entry;
  return turn.role === "user" ? (
    <UserBubble turnId={turn.turnId} text={turn.content} at={turn.createdAt} attachments={turn.attachments} />
  ) : (
    <article className="agent" data-turn={turn.turnId} aria-label={turn.role === "system" ? "Note" : "Agent"}>
      <h2 className="unseen">{turn.role === "system" ? "Note" : "Agent"}</h2>
      <Markdown text={turn.content} />
      <footer className="foot-line">
        <time dateTime={turn.createdAt}>{clock(turn.createdAt)}</time>
        {turn.role === "assistant" && <span>said outside of this service</span>}
      </footer>
    </article>
  );
}

function RunBubble(props: ChatBubbleProps & { entry: RunEntry }) {
  const { entry, agentType, onVisible, onSelect, onTakeBack, isSelected } = props;
  const { run, prompt, answer } = entry;
  const { runId } = entry;
  useEffect(() => onVisible?.(runId), [onVisible, runId]);
  const words = run?.prompt ?? prompt?.content ?? null;
  const turnId = prompt?.turnId ?? run?.turnId ?? null;
  const answerId = answer?.turnId ?? answerOf(entry);
  const isLive = run !== null && !run.isOver;
  const hasWords = run?.blocks.some((block) => block.kind === "message") ?? false;
  return (
    <div className={isSelected ? "exchange selected" : "exchange"} data-run={runId} data-state={run?.state}>
      {words !== null && (
        <UserBubble
          turnId={turnId}
          text={words}
          at={entry.at}
          attachments={prompt?.attachments ?? []}
          {...(run?.state === "queued" ? { note: "queued" } : {})}
          {...(run?.state === "queued" && onTakeBack !== undefined
            ? { onTakeBack: () => onTakeBack(entry) }
            : {})}
          {...(run?.steeredInto != null ? { note: "put into the running turn" } : {})}
        />
      )}
      {run?.steeredInto == null && run?.state !== "queued" && (
        <article
          className="agent"
          {...(answerId === null ? {} : { "data-turn": answerId })}
          aria-label={run?.trigger === "background" ? "Agent, in the background" : "Agent"}
          aria-busy={isLive}
        >
          <h2 className="unseen">Agent</h2>
          {run?.trigger === "background" && <p className="think-word">The agent goes on by itself</p>}
          {run !== null && (
            <RunBlocks blocks={run.blocks} isLive={isLive} {...(agentType ? { agentType } : {})} />
          )}
          {!hasWords && answer !== null && answer.content !== "" && (
            <div className="says">
              <Markdown text={answer.content} />
            </div>
          )}
          {isLive && <Working entry={entry} />}
          <End {...props} />
          {(run === null || run.isOver) && (
            <footer className="foot-line">
              {(run?.finishedAt ?? answer?.createdAt) != null && (
                <time
                  dateTime={run?.finishedAt ?? answer?.createdAt}
                  title={fullTime(run?.finishedAt ?? answer?.createdAt ?? "")}
                >
                  {clock(run?.finishedAt ?? answer?.createdAt ?? "")}
                </time>
              )}
              {run?.finished != null && <Figures entry={entry} />}
              <Deeds {...props} answerId={answerId} text={textOf(entry)} />
              {onSelect !== undefined && (
                <button type="button" className="quiet small" onClick={() => onSelect(runId)}>
                  Details
                </button>
              )}
            </footer>
          )}
        </article>
      )}
    </div>
  );
}

function answerOf({ run }: RunEntry): string | null {
  const told = run?.finished?.turnId ?? null;
  return told === null || told === run?.turnId ? null : told;
}

/** All that the agent said in a run. */
function textOf({ run, answer }: RunEntry): string {
  const said = run?.blocks.flatMap((block) => (block.kind === "message" ? [block.text] : [])) ?? [];
  return said.length > 0 ? said.join("\n\n") : (answer?.content ?? "");
}

function Working({ entry }: { entry: RunEntry }) {
  const { run } = entry;
  if (run === null) return null;
  const { tone, word } = stateWord(run);
  const last = run.blocks.at(-1);
  const isWriting = last?.kind === "message" && last.isOpen;
  if (isWriting || run.state === "waiting_approval") return null;
  return (
    <p className="working">
      <Dot tone={tone} /> {run.blocks.length === 0 ? "starting" : word}
      {run.state === "running" && run.activity !== null && <small dir="auto">{run.activity}</small>}
    </p>
  );
}

function Figures({ entry }: { entry: RunEntry }) {
  const { run } = entry;
  if (run?.finished == null) return null;
  const { usage } = run;
  const tokens = usage === null ? null : (usage.outputTokens ?? usage.totalTokens ?? null);
  return (
    <>
      <span>{duration(run.finished.durationMs)}</span>
      {tokens !== null && <span>{count(tokens)} tokens</span>}
      {run.costUsd !== null && <span>{money(run.costUsd)}</span>}
    </>
  );
}

function Deeds(props: ChatBubbleProps & { answerId: string | null; text: string }) {
  const { answerId, text, linkOf, onFork } = props;
  const [copied, setCopied] = useState<{ what: "text" | "link"; word: string } | null>(null);
  const copy = async (what: "text" | "link", value: string) => {
    // There is none without a secure context, and a browser may refuse it.
    const word = await Promise.resolve(navigator.clipboard)
      .then((clipboard) => clipboard.writeText(value))
      .then(
        () => "Copied",
        () => "Not copied",
      );
    setCopied({ what, word });
    setTimeout(() => setCopied(null), 1500);
  };
  return (
    <>
      {text !== "" && (
        <button type="button" className="quiet small" onClick={() => void copy("text", text)}>
          {copied?.what === "text" ? copied.word : "Copy"}
        </button>
      )}
      {answerId !== null && linkOf !== undefined && (
        <button type="button" className="quiet small" onClick={() => void copy("link", linkOf(answerId))}>
          {copied?.what === "link" ? copied.word : "Link"}
        </button>
      )}
      {answerId !== null && onFork !== undefined && (
        <button type="button" className="quiet small" onClick={() => onFork(answerId)}>
          Fork
        </button>
      )}
    </>
  );
}

function End({ entry, onRetry }: ChatBubbleProps) {
  if (entry.kind !== "run" || entry.run === null) return null;
  const ending = endingOf(entry.run);
  if (ending === null) return null;
  return (
    <div className={`ending ${ending.tone}`} role="status">
      <b>{ending.title}</b>
      {ending.detail !== null && ending.detail !== "" && <p dir="auto">{ending.detail}</p>}
      {ending.hint !== null && <p className="hint">{ending.hint}</p>}
      <p className="foot-line">
        {ending.code !== null && <code>{ending.code}</code>}
        {entry.run.finished?.resetsAt != null && <span>until {fullTime(entry.run.finished.resetsAt)}</span>}
        {ending.canRetry && onRetry !== undefined && entry.run.prompt !== null && (
          <button type="button" onClick={() => onRetry(entry)}>
            Send it again
          </button>
        )}
      </p>
    </div>
  );
}

interface UserBubbleProps {
  turnId: string | null;
  text: string;
  at: string;
  attachments: readonly TurnAttachment[];
  note?: string;
  onTakeBack?: () => void;
}

function UserBubble({ turnId, text, at, attachments, note, onTakeBack }: UserBubbleProps) {
  return (
    <article className="user" aria-label="You" {...(turnId === null ? {} : { "data-turn": turnId })}>
      <h2 className="unseen">You</h2>
      <LongText text={text} />
      {attachments.length > 0 && <Attachments files={attachments} />}
      <footer>
        {onTakeBack !== undefined && (
          <button type="button" className="quiet small" onClick={onTakeBack}>
            Take back
          </button>
        )}
        {note !== undefined && <b>{note}</b>}
        {at !== "" && (
          <time dateTime={at} title={fullTime(at)}>
            {clock(at)}
          </time>
        )}
      </footer>
    </article>
  );
}

const SHOWN = 4000;

/** The person's own words, as they are. */
function LongText({ text }: { text: string }) {
  const [isWhole, setWhole] = useState(false);
  const isLong = text.length > SHOWN;
  return (
    <>
      <p className="words" dir="auto">
        {isLong && !isWhole ? text.slice(0, SHOWN) : text}
      </p>
      {isLong && !isWhole && (
        <button type="button" className="quiet small" onClick={() => setWhole(true)}>
          Show all {count(text.length)} characters
        </button>
      )}
    </>
  );
}

function Attachments({ files }: { files: readonly TurnAttachment[] }) {
  const [shown, setShown] = useState<TurnAttachment | null>(null);
  return (
    <div className="thumbs">
      {files.map((file) => (
        <Attachment key={file.attachmentId + file.name} file={file} onShow={() => setShown(file)} />
      ))}
      {shown !== null && (
        <Dialog title={shown.name} kind="wide" onClose={() => setShown(null)}>
          <Picture file={shown} className="whole" />
        </Dialog>
      )}
    </div>
  );
}

function Attachment({ file, onShow }: { file: TurnAttachment; onShow: () => void }) {
  const address = useAttachment(file);
  const words = `${file.name} · ${bytes(file.size)}`;
  if (!file.mediaType.startsWith("image/")) {
    return (
      <a className="thumb" href={address ?? undefined} download={file.name}>
        {words}
      </a>
    );
  }
  return (
    <button type="button" className="thumb" onClick={onShow}>
      <Picture file={file} />
      <span>{words}</span>
    </button>
  );
}

function Picture({ file, className }: { file: TurnAttachment; className?: string }) {
  const address = useAttachment(file);
  return address === null ? null : <img className={className} src={address} alt={file.name} loading="lazy" />;
}

function useAttachment({ attachmentId }: TurnAttachment): string | null {
  const engine = useEngine();
  const [address, setAddress] = useState<string | null>(null);
  useEffect(() => {
    let release: (() => void) | null = null;
    let isCurrent = true;
    engine.attachment(attachmentId).then(
      ([url, end]) => {
        if (!isCurrent) return end();
        release = end;
        setAddress(url);
      },
      // A file that is gone shows its name, as one that cannot be drawn.
      () => undefined,
    );
    return () => {
      isCurrent = false;
      release?.();
    };
  }, [engine, attachmentId]);
  return address;
}

export interface PendingBubbleProps {
  pending: Pending;
  onRetry: (key: string) => void;
  onEdit: (pending: Pending) => void;
  onDiscard: (key: string) => void;
}

/** A prompt that the service has not acknowledged yet. */
export function PendingBubble({ pending, onRetry, onEdit, onDiscard }: PendingBubbleProps) {
  const note = { sending: "sending…", waiting: "waiting for the service…", refused: "not sent" }[
    pending.state
  ];
  return (
    <div className="exchange" data-pending={pending.key}>
      <UserBubble
        turnId={null}
        text={pending.text}
        at={pending.at}
        attachments={pending.attachments}
        note={note}
      />
      {pending.error !== null && (
        <Failure error={pending.error}>
          {pending.state === "refused" && (
            <p className="foot-line">
              <button type="button" onClick={() => onRetry(pending.key)}>
                Send it again
              </button>
              <button type="button" onClick={() => onEdit(pending)}>
                Edit
              </button>
              <button type="button" className="quiet" onClick={() => onDiscard(pending.key)}>
                Discard
              </button>
            </p>
          )}
        </Failure>
      )}
    </div>
  );
}
