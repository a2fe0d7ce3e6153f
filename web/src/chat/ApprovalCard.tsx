import { type Approval, asServiceError, type Decision, must, type ServiceError } from "@agent-runner/engine";
import { type KeyboardEvent, lazy, type ReactNode, Suspense, useEffect, useRef, useState } from "react";
import { Markdown } from "../markdown/Markdown";
import { useEngine } from "../react/AgentRunnerProvider";
import { changeOf } from "../diff/change";
import { ChangeView } from "../diff/ChangeView";
import { Values } from "../tools/Values";
import { isComposing } from "../ui/composing";
import { duration, fullTime, typeTitle } from "../ui/format";
import { Failure } from "../ui/Failure";
import { useNow } from "../ui/useNow";
import { useStored } from "../ui/stored";
import { useInView } from "./inView";
import { QuestionForm } from "./QuestionForm";
import "./approval.css";

const InputEditor = lazy(() => import("./InputEditor"));

export interface ApprovalCardProps {
  approval: Approval;
  /** The type of the agent that asks. */
  agentType?: string;
  /** Above it, where it stands outside of its conversation. */
  children?: ReactNode;
}

type Form = "none" | "deny" | "change";

/** A question that a run waits on: all that would run, and the answers it can have. */
export function ApprovalCard({ approval, agentType, children }: ApprovalCardProps) {
  const engine = useEngine();
  const [form, setForm] = useState<Form>("none");
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<ServiceError | null>(null);
  const [by] = useStored("name");
  const card = useRef<HTMLElement>(null);
  const hadFocus = useRef(false);

  useInView(card, approval.approvalId, approval.state === "pending");

  if (approval.state !== "pending") {
    return (
      <Decided approval={approval} takesFocus={hadFocus.current}>
        {children}
      </Decided>
    );
  }

  const can = (feature: string) => approval.features.includes(feature);
  const decide = async (decision: Decision) => {
    hadFocus.current = card.current?.contains(document.activeElement) ?? false;
    setBusy(true);
    setError(null);
    try {
      await engine.decide(approval, { via: "web", ...(by === "" ? {} : { by }), ...decision });
    } catch (caught) {
      setError(asServiceError(caught));
    } finally {
      setBusy(false);
    }
  };
  const actions: Record<string, (() => void) | undefined> = {
    a: approval.kind === "question" ? undefined : () => void decide({ decision: "approve" }),
    s: can("session") ? () => void decide({ decision: "approve", scope: "session" }) : undefined,
    e: can("updatedInput") && approval.kind !== "question" ? () => setForm("change") : undefined,
    d: () => setForm("deny"),
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isBusy || form !== "none") return;
    if (event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement) return;
    const act = actions[event.key.toLowerCase()];
    if (act === undefined) return;
    event.preventDefault();
    act();
  };
  const close = () => {
    setForm("none");
    card.current?.focus();
  };

  return (
    <section
      ref={card}
      className="ask"
      tabIndex={-1}
      aria-label={`Approval: ${titleOf(approval, agentType)}`}
      data-approval={approval.approvalId}
      onKeyDown={onKey}
    >
      {children}
      <header>
        <h3>{titleOf(approval, agentType)}</h3>
        <TimeLeft approval={approval} />
      </header>
      <Asked approval={approval} />
      <Risks approval={approval} />
      {error !== null && <Failure error={error} />}
      {form === "deny" && (
        <DenyForm
          approval={approval}
          isBusy={isBusy}
          onCancel={close}
          onDeny={(message, stop) =>
            void decide({
              decision: "reject",
              ...(message === "" ? {} : { message }),
              ...(stop ? { stop } : {}),
            })
          }
        />
      )}
      {form === "change" && (
        <Suspense fallback={<p className="hint">Loading the editor…</p>}>
          <InputEditor
            input={approval.input}
            isBusy={isBusy}
            onCancel={close}
            onSave={(updatedInput) => void decide({ decision: "approve", updatedInput })}
          />
        </Suspense>
      )}
      {approval.kind === "question" && form === "none" ? (
        <QuestionForm
          input={approval.input}
          isBusy={isBusy}
          onAnswer={(answers) => void decide({ decision: "approve", answers })}
          onDeny={() => setForm("deny")}
        />
      ) : (
        form === "none" && (
          <div className="btns">
            <button type="button" className="go" disabled={isBusy} aria-keyshortcuts="A" onClick={actions.a}>
              {approval.kind === "plan" ? "Agree to the plan" : "Allow once"} <kbd>A</kbd>
            </button>
            {actions.s !== undefined && (
              <button type="button" disabled={isBusy} aria-keyshortcuts="S" onClick={actions.s}>
                For this session <kbd>S</kbd>
              </button>
            )}
            {actions.e !== undefined && (
              <button type="button" disabled={isBusy} aria-keyshortcuts="E" onClick={actions.e}>
                Change… <kbd>E</kbd>
              </button>
            )}
            {can("options") &&
              extraOptions(approval).map((option) => (
                <button
                  key={option.optionId}
                  type="button"
                  disabled={isBusy}
                  onClick={() => void decide({ optionId: option.optionId })}
                >
                  {option.name}
                </button>
              ))}
            <button type="button" className="no" disabled={isBusy} aria-keyshortcuts="D" onClick={actions.d}>
              Deny… <kbd>D</kbd>
            </button>
          </div>
        )
      )}
    </section>
  );
}

/** The title says as much. */
function isUsual(question: string, tool: string): boolean {
  return question === "" || question === `May the agent use ${tool}?`;
}

function titleOf(approval: Approval, agentType: string | undefined): string {
  const who = agentType === undefined ? approval.agentId : typeTitle(agentType);
  switch (approval.kind) {
    case "question":
      return `${who} wants to know something`;
    case "plan":
      return `${who} has a plan and asks you to agree`;
    default:
      return `${who} wants to use ${approval.tool}`;
  }
}

interface Option {
  optionId: string;
  name: string;
  kind: string;
}

/** Answers of the CLI's own beside allow and deny. */
function extraOptions(approval: Approval): Option[] {
  const usual = new Set(["allow_once", "allow_always", "reject_once"]);
  return (approval.options as unknown as Option[]).filter((option) => !usual.has(option.kind));
}

function Asked({ approval }: { approval: Approval }) {
  if (approval.kind === "question") return null;
  const plan = approval.input.plan;
  if (approval.kind === "plan" && typeof plan === "string") {
    return (
      <div className="ask-plan" tabIndex={0} role="group" aria-label="The plan">
        <Markdown text={plan} />
      </div>
    );
  }
  const change = changeOf(approval.tool, approval.input);
  const command = approval.input.command;
  return (
    <div className="ask-what" tabIndex={0} role="group" aria-label="Everything it would run with">
      {!isUsual(approval.question, approval.tool) && approval.question !== command && (
        <p>{approval.question}</p>
      )}
      <ChangeView change={change} />
      <Values value={approval.input} label="Arguments" />
    </div>
  );
}

interface Hints {
  risk?: string;
  notes?: string[];
  network?: string[];
  paths?: string[];
}

function Risks({ approval }: { approval: Approval }) {
  const hints = approval.hints as Hints;
  const words = [...(hints.notes ?? []), ...(hints.network ?? []).map((one) => `network: ${one}`)];
  return (
    <p className="risk">
      {hints.risk !== undefined && <span className={`risk-${hints.risk}`}>{hints.risk} risk</span>}
      {words.map((word) => (
        <span key={word} dir="auto">
          {word}
        </span>
      ))}
    </p>
  );
}

function TimeLeft({ approval }: { approval: Approval }) {
  const engine = useEngine();
  const now = useNow(10_000);
  const left = Date.parse(approval.expiresAt) - now;
  const isWarned = approval.warnedAt !== null;
  const [hasFailed, setFailed] = useState(false);
  const extend = () => {
    const params = { path: { approvalId: approval.approvalId } };
    setFailed(false);
    must(engine.api.POST("/approvals/{approvalId}/extend", { params, body: {} })).catch(() =>
      setFailed(true),
    );
  };
  return (
    <span className="left" title={fullTime(approval.expiresAt)}>
      {left > 0 ? `${duration(left)} left` : "time is over"}
      {isWarned && (
        <button type="button" className="quiet" onClick={extend}>
          More time
        </button>
      )}
      {hasFailed && " (not given: try again)"}
    </span>
  );
}

interface DenyFormProps {
  approval: Approval;
  isBusy: boolean;
  onDeny: (message: string, stop: boolean) => void;
  onCancel: () => void;
}

function DenyForm({ approval, isBusy, onDeny, onCancel }: DenyFormProps) {
  const [message, setMessage] = useState("");
  const [stop, setStop] = useState(false);
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => field.current?.focus(), []);
  const hears = approval.features.includes("message");
  return (
    <form
      className="ask-form"
      onSubmit={(event) => {
        event.preventDefault();
        onDeny(message.trim(), stop);
      }}
      onKeyDown={(event) => {
        if (event.key === "Escape" && !isComposing(event)) {
          event.stopPropagation();
          onCancel();
        }
        if (
          event.key === "Enter" &&
          !event.shiftKey &&
          event.target === field.current &&
          !isComposing(event)
        ) {
          event.preventDefault();
          onDeny(message.trim(), stop);
        }
      }}
    >
      <label>
        {hears ? "Why, and what to do instead (the agent is told)" : "Why (kept; this CLI cannot be told)"}
        <textarea
          ref={field}
          rows={2}
          dir="auto"
          value={message}
          onChange={(event) => setMessage(event.target.value)}
        />
      </label>
      {approval.features.includes("stop") && (
        <label className="check">
          <input type="checkbox" checked={stop} onChange={(event) => setStop(event.target.checked)} />
          End the turn as well
        </label>
      )}
      <div className="btns">
        <button type="submit" className="no" disabled={isBusy}>
          Deny
        </button>
        <button type="button" onClick={onCancel}>
          Back
        </button>
      </div>
    </form>
  );
}

const WORDS: Record<string, string> = {
  approved: "Allowed",
  rejected: "Denied",
  expired: "Nobody decided in time: denied",
  voided: "Not asked any more",
};

interface DecidedProps {
  approval: Approval;
  /** The focus was in what it stands in the place of. */
  takesFocus: boolean;
  children: ReactNode;
}

/** What became of it, by whom. */
function Decided({ approval, takesFocus, children }: DecidedProps) {
  const summary = useRef<HTMLElement>(null);
  useEffect(() => {
    if (takesFocus) summary.current?.focus({ preventScroll: true });
  }, [takesFocus]);
  const decision = (approval.decision ?? {}) as { scope?: string; updatedInput?: unknown };
  const how = decision.scope === "session" ? " for the session" : "";
  const changed = decision.updatedInput == null ? "" : " with changed input";
  const by = approval.decidedBy === null ? "" : ` by ${approval.decidedBy}`;
  const via = approval.decidedVia === null ? "" : ` (${approval.decidedVia})`;
  const isDelivered = approval.delivery !== "failed";
  return (
    <div className={`asked ${approval.state}`} data-approval={approval.approvalId}>
      {children}
      <details>
        <summary ref={summary}>
          <b>{WORDS[approval.state] ?? approval.state}</b>
          <span>
            {`${approval.tool}${how}${changed}${by}${via}`}
            {approval.reason !== null && approval.reason !== "" && <q dir="auto">{approval.reason}</q>}
            {!isDelivered && ` · not delivered: ${approval.deliveryError ?? "the process was gone"}`}
          </span>
          {approval.decidedAt !== null && (
            <time dateTime={approval.decidedAt}>{fullTime(approval.decidedAt)}</time>
          )}
        </summary>
        <Values value={approval.input} />
      </details>
    </div>
  );
}
