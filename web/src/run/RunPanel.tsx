import { type Block, must, type RunView, type TimeSpan } from "@agent-runner/engine";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { stateWord } from "../chat/words";
import { useEngine } from "../react/AgentRunnerProvider";
import { useObservable } from "../react/useObservable";
import { Dot } from "../ui/Dot";
import { clock, count, duration, fullTime, money } from "../ui/format";
import { useNow } from "../ui/useNow";
import "./run.css";

const RawLines = lazy(() => import("./RawLines"));
const Changes = lazy(() => import("./Changes"));

export interface RunPanelProps {
  agentId: string;
  conversationId: string;
  run: RunView | null;
}

/** One run from all sides: its way, its time, its deeds, its price. */
export function RunPanel({ agentId, conversationId, run }: RunPanelProps) {
  const [isRaw, setRaw] = useState<"stdout" | "stderr" | null>(null);
  const [isDiff, setDiff] = useState(false);
  if (run === null) {
    return (
      <div className="run-panel">
        <h2>This run</h2>
        <p className="hint">Once something runs, its way, time, files and price stand here.</p>
      </div>
    );
  }
  const { tone, word } = stateWord(run);
  const helpers = helpersOf(run.blocks);
  return (
    <div className="run-panel">
      <h2>
        This run{" "}
        <span className={`state ${tone}`}>
          <Dot tone={tone} /> {word}
        </span>
      </h2>
      <Facts run={run} />
      {run.plan.length > 0 && (
        <>
          <h3>Plan</h3>
          <ol className="plan">
            {run.plan.map((item, at) => (
              <li
                key={at}
                className={{ completed: "done", in_progress: "now", pending: "" }[item.status]}
                dir="auto"
              >
                {item.text}
                <span className="unseen"> ({item.status.replace("_", " ")})</span>
              </li>
            ))}
          </ol>
        </>
      )}
      <Files agentId={agentId} conversationId={conversationId} run={run} onDiff={() => setDiff(true)} />
      {helpers.length > 0 && (
        <>
          <h3>Helpers</h3>
          {helpers.map(({ call, children }) => (
            <p className="f" key={call.toolCallId}>
              <Dot tone={call.status === "running" ? "run" : call.status === "completed" ? "good" : "bad"} />
              <span dir="auto">{call.title ?? String(call.input.description ?? call.name)}</span>
              <span>
                {call.status === "running" ? "running" : duration(call.durationMs)}, {children.length} steps
              </span>
            </p>
          ))}
        </>
      )}
      <Background agentId={agentId} conversationId={conversationId} isOver={run.isOver} />
      {run.lost !== null && (
        <>
          <h3>Lost</h3>
          {run.lost.tasks.map((task, at) => (
            <p className="f" key={at}>
              <Dot tone="bad" /> {task.title ?? task.kind ?? "work"} <span>lost</span>
            </p>
          ))}
        </>
      )}
      <Timeline spans={run.spans} />
      {run.compared !== null && (
        <p className="hint">
          Shadow: {run.compared.verdict}
          {run.compared.similarity != null && `, ${(run.compared.similarity * 100).toFixed(0)} % alike`}
        </p>
      )}
      <p className="links">
        <button type="button" className="quiet small" onClick={() => setRaw("stdout")}>
          Raw lines
        </button>
        <button type="button" className="quiet small" onClick={() => setRaw("stderr")}>
          Logs
        </button>
        <Export conversationId={conversationId} />
      </p>
      <Suspense fallback={null}>
        {isRaw !== null && (
          <RawLines agentId={agentId} runId={run.runId} stream={isRaw} onClose={() => setRaw(null)} />
        )}
        {isDiff && (
          <Changes
            agentId={agentId}
            conversationId={conversationId}
            runId={run.runId}
            onClose={() => setDiff(false)}
          />
        )}
      </Suspense>
    </div>
  );
}

function Facts({ run }: { run: RunView }) {
  const route = run.routes.at(-1);
  const { started, usage, finished } = run;
  const first =
    run.firstTextAt !== null && run.startedAt !== null
      ? Date.parse(run.firstTextAt) - Date.parse(run.startedAt)
      : null;
  return (
    <dl>
      <dt>Way</dt>
      <dd>
        {route === undefined ? "unknown" : route.mode}{" "}
        {route !== undefined && <span dir="auto">{route.reason}</span>}
      </dd>
      {run.startedAt !== null && (
        <>
          <dt>Started</dt>
          <dd title={fullTime(run.startedAt)}>
            {clock(run.startedAt)}{" "}
            {started !== null && <span>{formOf(started.form, started.reused ?? false)}</span>}
          </dd>
        </>
      )}
      <dt>Took</dt>
      <dd>
        {finished !== null ? (
          duration(finished.durationMs)
        ) : (
          <Running since={run.startedAt ?? run.queuedAt} />
        )}
      </dd>
      {first !== null && (
        <>
          <dt>First words</dt>
          <dd>{duration(first)}</dd>
        </>
      )}
      <dt>Model</dt>
      <dd>{finished?.model ?? run.settings?.model ?? run.session?.model ?? "unknown"}</dd>
      {run.settings?.permissionMode != null && (
        <>
          <dt>Permissions</dt>
          <dd>{run.settings.permissionMode}</dd>
        </>
      )}
      <dt>Tokens</dt>
      <dd>{tokensOf(usage)}</dd>
      <dt>Cost</dt>
      <dd>{money(run.costUsd)}</dd>
      <dt>Session</dt>
      <dd>
        <code>{(finished?.sessionId ?? run.session?.sessionId ?? "none yet").slice(0, 13)}</code>
      </dd>
      {started?.cliVersion != null && (
        <>
          <dt>CLI</dt>
          <dd>{started.cliVersion}</dd>
        </>
      )}
    </dl>
  );
}

function formOf(form: string, isReused: boolean): string {
  if (form !== "warm") return form;
  return isReused ? "warm process, kept from before" : "warm process, new";
}

function tokensOf(usage: RunView["usage"]): string {
  if (usage === null) return "unknown";
  const cached = usage.cacheReadTokens;
  const parts = [`${count(usage.inputTokens)} in`, `${count(usage.outputTokens)} out`];
  if (cached != null) parts.push(`${count(cached)} cached`);
  return parts.join(" · ");
}

function Running({ since }: { since: string | null }) {
  const now = useNow(1000);
  return <>{since === null ? "not yet" : `${duration(Math.max(0, now - Date.parse(since)))} so far`}</>;
}

interface FilesProps extends RunPanelProps {
  run: RunView;
  onDiff: () => void;
}

/** What the run has changed: as git sees it, else as the CLI told. */
function Files({ agentId, conversationId, run, onDiff }: FilesProps) {
  const engine = useEngine();
  const steps = run.blocks.filter((block) => block.kind === "tool").length;
  const { data } = useQuery({
    queryKey: ["changes", run.runId, run.isOver ? "over" : steps],
    queryFn: () => {
      const params = { path: { agentId }, query: { conversationId, runId: run.runId } };
      return must(engine.api.GET("/agents/{agentId}/changes", { params }));
    },
    enabled: steps > 0 && run.startedAt !== null,
    retry: false,
  });
  const isKnown = data?.known === true && data.files.length > 0;
  if (!isKnown && run.files.length === 0) return null;
  return (
    <>
      <h3>Files</h3>
      {isKnown
        ? data.files.map((file) => (
            <p className="f" key={file.path}>
              <code title={file.path}>{file.path}</code>
              <span className="plus">{file.addedLines === null ? "" : `+${file.addedLines}`}</span>
              <span className="minus">{file.removedLines === null ? "" : `−${file.removedLines}`}</span>
            </p>
          ))
        : run.files.map((file) => (
            <p className="f" key={file.path}>
              <code title={file.path}>{file.path}</code>
              <span>{file.change === "unknown" ? "written" : file.change}</span>
            </p>
          ))}
      {isKnown && (
        <button type="button" className="quiet small" onClick={onDiff}>
          Show what changed
        </button>
      )}
    </>
  );
}

/** What goes on though the answer is there. */
function Background({
  agentId,
  conversationId,
  isOver,
}: {
  agentId: string;
  conversationId: string;
  isOver: boolean;
}) {
  const engine = useEngine();
  const agent = useObservable(engine.agents)?.get(agentId);
  const isBusy = agent?.state === "background" || (isOver && agent?.activeConversationId === conversationId);
  const { data } = useQuery({
    queryKey: ["sessions", agentId, agent?.state],
    queryFn: () => must(engine.api.GET("/agents/sessions/status")),
    enabled: isBusy,
  });
  const session = data?.sessions.find((one) => one.agentId === agentId);
  const tasks =
    session?.warm.filter((one) => one.conversationId === conversationId).flatMap((one) => one.background) ??
    [];
  if (tasks.length === 0) return null;
  return (
    <>
      <h3>In the background</h3>
      {tasks.map((task, at) => (
        <p className="f" key={task.taskId ?? at}>
          <Dot tone="run" />
          <span dir="auto">{task.title || task.kind || "work"}</span> <span>goes on</span>
        </p>
      ))}
    </>
  );
}

const SPAN_WORDS: Record<TimeSpan["what"], string> = {
  queue: "queue",
  start: "start",
  model: "model",
  tools: "tools",
  waiting: "waiting for you",
};

function Timeline({ spans }: { spans: readonly TimeSpan[] }) {
  if (spans.length === 0) return null;
  return (
    <>
      <h3>Timeline</h3>
      <div className="tl" aria-hidden="true">
        {spans.map((span) => (
          <i key={span.what} className={`span-${span.what}`} style={{ flexGrow: Math.max(1, span.ms) }} />
        ))}
      </div>
      <ul className="legend">
        {spans.map((span) => (
          <li key={span.what}>
            <i className={`span-${span.what}`} /> {SPAN_WORDS[span.what]} {duration(span.ms)}
          </li>
        ))}
      </ul>
    </>
  );
}

function Export({ conversationId }: { conversationId: string }) {
  const { base } = useEngine();
  return (
    <a href={`${base}/conversations/${conversationId}/export`} download={`${conversationId}.md`}>
      Export
    </a>
  );
}

type Step = Extract<Block, { kind: "tool" }>;

function helpersOf(blocks: readonly Block[]): Step[] {
  return blocks.flatMap((block) => {
    if (block.kind !== "tool") return [];
    const below = helpersOf(block.children);
    const isHelper = block.children.length > 0 || /^(task|agent)$/i.test(block.call.name);
    return isHelper ? [block, ...below] : below;
  });
}
