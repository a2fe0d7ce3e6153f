import { memo, useEffect, useState, type ReactNode } from "react";
import { changeOf, type Change } from "../diff/change.ts";
import { ChangeView } from "../diff/ChangeView.tsx";
import { DiffCounts } from "../diff/Diff.tsx";
import { LongText } from "../markdown/LongText.tsx";
import { durationText, hintOf } from "./hint.ts";
import { marked } from "./invisible.ts";
import { outputParts, plainText, type OutputPart } from "./output.ts";
import { labelOf, subjectOf, subjectOfText } from "./subject.ts";
import { STATUS_WORDS, type ToolCall } from "./tool.ts";
import { Values } from "./Values.tsx";
import "./tools.css";

/** A tool call in one row, that opens to all of its input and output. `children` are a helper's own calls. */
export const ToolRow = memo(function ToolRow({
  call,
  open = false,
  children,
}: {
  call: ToolCall;
  open?: boolean;
  children?: ReactNode;
}) {
  const [isOpen, setOpen] = useState(open);
  const change = changeOf(call.name, call.input);
  const subject =
    call.status === "writing"
      ? subjectOfText(call.inputText)
      : subjectOf(call.name, call.input, call.title ?? null);
  const label = labelOf(call.name);
  const hint = hintOf(call);
  return (
    <details className="tool-row" open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className="tool-line">
        <i className={`tool-dot tool-dot-${call.status}`} aria-hidden="true" />
        <span className="tool-words">{`${STATUS_WORDS[call.status]}: `}</span>
        <b className="tool-name" title={marked(call.name)}>
          {label}
        </b>
        <code className="tool-subject" dir="ltr" title={subject}>
          {subject}
        </code>
        {call.status === "running" && call.progress ? (
          <span className="tool-hint">{lastLine(call.progress)}</span>
        ) : (
          hint !== "" && <span className={`tool-hint tool-hint-${call.status}`}>{hint}</span>
        )}
        {change && (change.added !== null || change.removed !== null) && (
          <DiffCounts added={change.added} removed={change.removed} />
        )}
        <Duration call={call} />
      </summary>
      {isOpen && <ToolDetails call={call} change={change} />}
      {isOpen && children != null && <div className="tool-children">{children}</div>}
    </details>
  );
});

function lastLine(text: string): string {
  return marked(plainText(text.slice(-2000)).trimEnd().split("\n").at(-1)!.slice(-120));
}

function Duration({ call }: { call: ToolCall }) {
  const started = call.startedAt ? Date.parse(call.startedAt) : NaN;
  const isRunning = call.status === "running" && !Number.isNaN(started);
  const now = useNow(isRunning);
  if (isRunning)
    return (
      <time className="tool-time">
        {durationText(Math.max(0, Math.floor((now - started) / 1000) * 1000)).replace(".0", "")}
      </time>
    );
  return typeof call.durationMs === "number" ? (
    <time className="tool-time">{durationText(call.durationMs)}</time>
  ) : null;
}

function useNow(ticking: boolean): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!ticking) return;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [ticking]);
  return now;
}

function ToolDetails({ call, change }: { call: ToolCall; change: Change | null }) {
  const parts = outputParts(call.output);
  const rest = change && change.pieces.length > 0 ? withoutEdit(call.input) : call.input;
  return (
    <div className="tool-body">
      {call.status === "writing" ? (
        <Part title="Input so far">
          <Output text={call.inputText} />
        </Part>
      ) : (
        Object.keys(rest).length > 0 && (
          <Part title="Input">
            <Values value={rest} label="Input" />
          </Part>
        )
      )}
      <ChangeView change={change} />
      {call.error ? (
        <Part title="Error">
          <div className="tool-error" role="group" aria-label="Error">
            <Output text={plainText(call.error)} />
          </div>
        </Part>
      ) : null}
      {parts.length > 0 &&
        !(parts.length === 1 && parts[0]!.type === "text" && parts[0]!.text === call.error) && (
          <Part title={call.truncated ? "Output, only its beginning" : "Output"}>
            {parts.map((part, index) => (
              <OutputView key={index} part={part} />
            ))}
          </Part>
        )}
    </div>
  );
}

const EDIT_TEXTS = new Set([
  "old_string",
  "new_string",
  "old_str",
  "new_str",
  "oldString",
  "newString",
  "content",
  "new_source",
  "file_text",
  "edits",
  "diffs",
  "changes",
  "patch",
]);

/** What the diff does not show already. */
function withoutEdit(input: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(input).filter(
      ([key, value]) =>
        !EDIT_TEXTS.has(key) &&
        !(typeof value === "string" && value.trimStart().startsWith("*** Begin Patch")),
    ),
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className="tool-part" role="group" aria-label={title}>
      <p className="tool-part-name" aria-hidden="true">
        {title}
      </p>
      {children}
    </div>
  );
}

function OutputView({ part }: { part: OutputPart }) {
  if (part.type === "text") return <Output text={part.text} />;
  if (part.type === "media") return <p className="tool-media">{part.label}</p>;
  return <Values value={part.value} label="Output" />;
}

function Output({ text }: { text: string }) {
  return (
    <pre className="tool-output" tabIndex={0} dir="auto" role="group" aria-label="Text">
      <LongText text={text} />
    </pre>
  );
}
