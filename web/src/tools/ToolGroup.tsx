import { useState, type ReactNode } from "react";
import { durationText } from "./hint.ts";
import { labelOf } from "./subject.ts";
import { STATUS_WORDS, type ToolCall, type ToolStatus } from "./tool.ts";
import { ToolRow } from "./ToolRow.tsx";
import "./tools.css";

const MOST_NAMES = 6;
const LOUDEST: readonly ToolStatus[] = [
  "waiting",
  "running",
  "writing",
  "failed",
  "denied",
  "interrupted",
  "completed",
];

/** Calls in a row: `4 steps · Read · Grep · Bash`. `childrenOf` gives a helper's own calls. */
export function ToolGroup({
  calls,
  open = false,
  childrenOf,
}: {
  calls: readonly ToolCall[];
  open?: boolean;
  childrenOf?: (call: ToolCall) => ReactNode;
}) {
  const [isOpen, setOpen] = useState(open);
  const status = LOUDEST.find((one) => calls.some((call) => call.status === one)) ?? "completed";
  const count = calls.filter((call) => call.status === status).length;
  return (
    <details
      className="tool-group"
      open={isOpen}
      onToggle={(event) => event.target === event.currentTarget && setOpen(event.currentTarget.open)}
    >
      <summary className="tool-group-head">
        <i className={`tool-dot tool-dot-${status}`} aria-hidden="true" />
        <b>{`${calls.length} ${calls.length === 1 ? "step" : "steps"}`}</b>
        <span className="tool-names">{namesOf(calls)}</span>
        {status === "completed" ? (
          <span className="tool-words">done</span>
        ) : (
          <span
            className={`tool-hint tool-hint-${status}`}
          >{`${count > 1 ? `${count} ` : ""}${STATUS_WORDS[status]}`}</span>
        )}
        <GroupTime calls={calls} />
      </summary>
      {isOpen &&
        calls.map((call) => (
          <ToolRow key={call.toolCallId} call={call}>
            {childrenOf?.(call)}
          </ToolRow>
        ))}
    </details>
  );
}

function namesOf(calls: readonly ToolCall[]): string {
  const names = [...new Set(calls.map((call) => labelOf(call.name)))];
  return names.length > MOST_NAMES
    ? `${names.slice(0, MOST_NAMES).join(" · ")} and ${names.length - MOST_NAMES} more`
    : names.join(" · ");
}

/** The sum of what the calls took, when each of them says so. */
function GroupTime({ calls }: { calls: readonly ToolCall[] }) {
  const times = calls.map((call) => call.durationMs);
  if (!times.every((ms) => typeof ms === "number")) return null;
  return <time className="tool-time">{durationText(times.reduce((sum, ms) => sum + ms, 0))}</time>;
}
