import { asServiceError } from "@agent-runner/engine";
import { type ReactNode, useId, useState } from "react";
import { Link } from "wouter";
import { Confirm } from "../ui/Confirm";
import { Dot, type Tone } from "../ui/Dot";
import { Failure } from "../ui/Failure";
import { fullTime, shortTime } from "../ui/format";
import { useNow } from "../ui/useNow";

/** The page's heading and what the page is for, in one sentence. */
export function Head({ title, children }: { title: string; children: ReactNode }) {
  return (
    <>
      <h1>{title}</h1>
      <p className="lead">{children}</p>
    </>
  );
}

interface Reading<T> {
  data: T | undefined;
  error: Error | null;
  isFetching: boolean;
  refetch: () => unknown;
}

/** What was read; above it why it could not be read again, if so. */
export function Loaded<T>({ of, children }: { of: Reading<T>; children: (data: T) => ReactNode }) {
  return (
    <>
      {of.error !== null && (
        <Failure error={asServiceError(of.error)}>
          <button type="button" disabled={of.isFetching} onClick={() => void of.refetch()}>
            Try again
          </button>
        </Failure>
      )}
      {of.data === undefined && of.error === null && <p className="hint">Loading…</p>}
      {of.data !== undefined && children(of.data)}
    </>
  );
}

/** A state as a dot and a word. */
export function State({ tone, children }: { tone: Tone; children: ReactNode }) {
  return (
    <span className={`op-state ${tone}`}>
      <Dot tone={tone} /> {children}
    </span>
  );
}

/** A time, as short as it can be said; the whole of it is in its title. */
export function Time({ at }: { at: string }) {
  const now = useNow(30_000);
  return (
    <time dateTime={at} title={fullTime(at)}>
      {shortTime(at, now)}
    </time>
  );
}

export function Facts({ children }: { children: ReactNode }) {
  return <dl className="op-facts">{children}</dl>;
}

export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

interface PickProps {
  label: string;
  value: string;
  onPick: (value: string) => void;
  choices: readonly (readonly [value: string, title: string])[];
}

/** One of a few, for a filter. */
export function Pick({ label, value, onPick, choices }: PickProps) {
  const id = useId();
  return (
    <div className="op-pick">
      <label htmlFor={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => onPick(event.target.value)}>
        {choices.map(([name, title]) => (
          <option key={name} value={name}>
            {title}
          </option>
        ))}
      </select>
    </div>
  );
}

export function ChatLink({
  agentId,
  conversationId,
  children,
}: {
  agentId: string;
  conversationId?: string;
  children?: ReactNode;
}) {
  const path = `/chat/${encodeURIComponent(agentId)}${conversationId === undefined ? "" : `/${conversationId}`}`;
  return (
    <Link href={path} className="op-link" dir="auto">
      {children ?? agentId}
    </Link>
  );
}

export interface Deed {
  title: string;
  /** What it does, in whole sentences. */
  text: ReactNode;
  action: string;
  isDangerous?: boolean;
  run: () => Promise<unknown>;
}

/** Asks before a deed is done: the function that asks, and the dialog to draw. */
export function useAsking(): [(deed: Deed) => void, ReactNode] {
  const [deed, setDeed] = useState<Deed | null>(null);
  const dialog = deed !== null && (
    <Confirm
      title={deed.title}
      action={deed.action}
      isDangerous={deed.isDangerous ?? false}
      onConfirm={deed.run}
      onClose={() => setDeed(null)}
    >
      <p>{deed.text}</p>
    </Confirm>
  );
  return [setDeed, dialog];
}
