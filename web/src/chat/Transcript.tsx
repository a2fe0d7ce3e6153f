import type { Entry, Pending, RunEntry } from "@agent-runner/engine";
import {
  memo,
  type ReactNode,
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { VList, type VListHandle } from "virtua";
import { dayOf, isSameDay } from "../ui/format";
import { ChatBubble, PendingBubble, type PendingBubbleProps } from "./ChatBubble";

export interface TranscriptProps {
  entries: readonly Entry[];
  pending: readonly Pending[];
  hasOlder: boolean;
  isLoadingOlder: boolean;
  agentType: string | undefined;
  selectedRunId: string | null;
  /** The turn to show first; null for the end. */
  turnId: string | null;
  /** What stands in an empty conversation. */
  empty: ReactNode;
  onOlder: () => void;
  onVisible: (runId: string) => void;
  onSelect: (runId: string) => void;
  onRetry: (entry: RunEntry) => void;
  onFork: (turnId: string) => void;
  onTakeBack: (entry: RunEntry) => void;
  linkOf: (turnId: string) => string;
  of: Omit<PendingBubbleProps, "pending">;
}

type Row =
  | { kind: "older"; key: string }
  | { kind: "day"; key: string; text: string }
  | { kind: "entry"; key: string; entry: Entry }
  | { kind: "pending"; key: string; pending: Pending };

/** Nearer to the end than this, in pixels, and the end is followed. */
const NEAR = 48;
/** Nearer to the beginning, and older turns are read. */
const EARLY = 600;
/** So long after a key, a wheel or a finger, a way upwards is that of a person. */
const HAND_MS = 1000;

export const Transcript = memo(function Transcript(props: TranscriptProps) {
  const { entries, pending, hasOlder, isLoadingOlder, turnId, empty, onOlder } = props;
  const list = useRef<VListHandle>(null);
  const frame = useRef<HTMLDivElement>(null);
  const isPinned = useRef(turnId === null);
  const [isAway, setAway] = useState(false);
  const hand = useRef({ until: 0, offset: 0 });
  const rows = useMemo(() => rowsOf(entries, pending, hasOlder), [entries, pending, hasOlder]);
  const first = rows.find((row) => row.kind === "entry")?.key;
  const lastFirst = useRef(first);
  const isPrepended = lastFirst.current !== undefined && first !== lastFirst.current;
  useLayoutEffect(() => {
    lastFirst.current = first;
  });

  const toEnd = useCallback(() => {
    const handle = list.current;
    if (handle !== null) handle.scrollTo(handle.scrollSize);
  }, []);
  const tellAway = useCallback(() => {
    const handle = list.current;
    if (handle === null) return;
    setAway(!isPinned.current && handle.scrollSize - handle.viewportSize - handle.scrollOffset > NEAR);
  }, []);
  const follow = useCallback(() => {
    if (isPinned.current) toEnd();
    else tellAway();
  }, [toEnd, tellAway]);

  const newest = pending.at(-1)?.key;
  const lastNewest = useRef(newest);
  useLayoutEffect(() => {
    if (newest !== undefined && newest !== lastNewest.current) isPinned.current = true;
    lastNewest.current = newest;
  }, [newest]);
  useLayoutEffect(follow, [follow, rows]);
  useEffect(() => {
    // Code that is highlighted later, a picture, another width: all of them change the height.
    const inner = frame.current?.querySelector(".log > *");
    if (inner == null) return;
    const watcher = new ResizeObserver(follow);
    watcher.observe(inner);
    return () => watcher.disconnect();
  }, [follow, rows.length > 0]);

  const found = turnId === null ? -1 : rows.findIndex((row) => hasTurn(row, turnId));
  const wasShown = useRef<string | null>(null);
  useLayoutEffect(() => {
    if (turnId === null || found < 0 || wasShown.current === turnId) return;
    wasShown.current = turnId;
    isPinned.current = false;
    setAway(true);
    list.current?.scrollToIndex(found, { align: "start" });
  }, [turnId, found]);

  const onScroll = (offset: number) => {
    const handle = list.current;
    if (handle === null) return;
    const left = handle.scrollSize - handle.viewportSize - offset;
    const { offset: last, until } = hand.current;
    hand.current.offset = offset;
    if (left <= 1 || (left <= NEAR && offset > last)) isPinned.current = true;
    else if (offset < last && performance.now() < until) isPinned.current = false;
    tellAway();
    if (offset < EARLY && hasOlder && !isLoadingOlder && rows.length > 1) onOlder();
  };
  /** A person scrolls up, by whatever means: the end is followed no more. */
  const onHand = () => {
    hand.current.until = performance.now() + HAND_MS;
  };

  if (rows.length === 0) return <div className="log empty">{empty}</div>;
  return (
    <div
      ref={frame}
      className="log-frame"
      onWheel={onHand}
      onTouchMove={onHand}
      onKeyDown={onHand}
      onPointerDown={() => {
        // The end of a way with the scrollbar is not told.
        hand.current.until = Infinity;
      }}
      onPointerUp={onHand}
    >
      <VList
        ref={list}
        className="log"
        data={rows}
        shift={isPrepended}
        bufferSize={600}
        onScroll={onScroll}
        tabIndex={0}
        role="region"
        aria-label="Conversation"
      >
        {(row) => <RowView key={row.key} row={row} {...props} />}
      </VList>
      {isAway && (
        <button
          type="button"
          className="latest"
          onClick={() => {
            isPinned.current = true;
            setAway(false);
            toEnd();
          }}
        >
          Jump to latest ↓
        </button>
      )}
    </div>
  );
});

function RowView({ row, ...props }: TranscriptProps & { row: Row }) {
  switch (row.kind) {
    case "older":
      return (
        <p className="day">
          <button type="button" className="quiet" onClick={props.onOlder} disabled={props.isLoadingOlder}>
            {props.isLoadingOlder ? "Loading older messages…" : "Load older messages"}
          </button>
        </p>
      );
    case "day":
      return (
        <p className="day">
          <span>{row.text}</span>
        </p>
      );
    case "pending":
      return <PendingBubble pending={row.pending} {...props.of} />;
    case "entry":
      return (
        <ChatBubble
          entry={row.entry}
          {...(props.agentType === undefined ? {} : { agentType: props.agentType })}
          isSelected={row.entry.kind === "run" && row.entry.runId === props.selectedRunId}
          onVisible={props.onVisible}
          onSelect={props.onSelect}
          onRetry={props.onRetry}
          onFork={props.onFork}
          onTakeBack={props.onTakeBack}
          linkOf={props.linkOf}
        />
      );
  }
}

function rowsOf(entries: readonly Entry[], pending: readonly Pending[], hasOlder: boolean): Row[] {
  const rows: Row[] = hasOlder ? [{ kind: "older", key: "older" }] : [];
  let day: Date | null = null;
  for (const entry of entries) {
    const at = new Date(entry.at);
    if (entry.at !== "" && (day === null || !isSameDay(day, at))) {
      day = at;
      rows.push({ kind: "day", key: `day:${at.toDateString()}`, text: dayOf(entry.at) });
    }
    rows.push({ kind: "entry", key: entry.key, entry });
  }
  for (const one of pending) rows.push({ kind: "pending", key: one.key, pending: one });
  return rows;
}

function hasTurn(row: Row, turnId: string): boolean {
  if (row.kind !== "entry") return false;
  if (row.entry.kind === "turn") return row.entry.turn.turnId === turnId;
  const { prompt, answer, run } = row.entry;
  return [prompt?.turnId, answer?.turnId, run?.turnId, run?.finished?.turnId].includes(turnId);
}
