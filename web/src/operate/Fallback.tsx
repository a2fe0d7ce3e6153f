import type { FallbackStatus, Toggle } from "@agent-runner/engine";
import { useState } from "react";
import { Link } from "wouter";
import { useEngine } from "../react/AgentRunnerProvider";
import { Values } from "../tools/Values";
import { Dialog } from "../ui/Dialog";
import { fullTime } from "../ui/format";
import { useNow } from "../ui/useNow";
import { Audit } from "./Audit";
import { MoveDialog } from "./MoveDialog";
import {
  circuitWord,
  figuresOf,
  leftWord,
  type Move,
  moveWord,
  movesOf,
  nextTryOf,
  subjectOf,
  type Way,
  waysOf,
} from "./moves";
import { Fact, Facts, Head, Loaded, State, Time } from "./parts";
import { type Column, Table } from "./Table";
import { useFollow, useRead } from "./useRead";

const EVERY_MS = 10_000;

/** Which way prompts go, and moving them. */
export function Fallback() {
  const engine = useEngine();
  const status = useRead(["fallback", "status"], (api) => api.GET("/api/fallback/status"), EVERY_MS);
  useFollow("fallback", engine.fallback, engine.agents);
  return (
    <>
      <Head title="Which way prompts go">
        A prompt is never lost: what headless cannot serve runs in the CLI's own terminal, in tmux. You can
        pin either way; the service moves by itself on evidence, and comes back by trying.
      </Head>
      <Loaded of={status}>{(data) => <Ways status={data} />}</Loaded>
      <Audit />
    </>
  );
}

function Ways({ status }: { status: FallbackStatus }) {
  const [asked, setAsked] = useState<{ move: Move; way: Way } | null>(null);
  const [shown, setShown] = useState<Toggle | null>(null);
  const ways = waysOf(status);
  const columns: Column<Way>[] = [
    { head: "CLI / agent", cell: (way) => <span dir="auto">{way.title}</span> },
    { head: "Goes", cell: (way) => <Mode mode={way.mode} /> },
    { head: "Why", cell: (way) => <Why way={way} onEvidence={setShown} /> },
    { head: "Since", cell: (way) => (way.toggle === null ? "" : <Time at={way.toggle.since} />) },
    { head: "Circuit", cell: (way) => (hasCircuit(way) ? <CircuitCell way={way} /> : "") },
    {
      head: "",
      kind: "act",
      cell: (way) =>
        movesOf(way).map((move, at) => (
          <button
            key={move}
            type="button"
            className={move === "try" ? "go" : at === 0 ? "" : "quiet"}
            aria-label={`${moveWord(move, way)} ${subjectOf(way.scope, way.name)}`}
            onClick={() => setAsked({ move, way })}
          >
            {moveWord(move, way)}
          </button>
        )),
    },
  ];
  return (
    <>
      {!status.tmux && (
        <p className="op-note" role="note">
          <State tone="wait">tmux cannot serve here</State>{" "}
          <span>
            It is not installed, or turned off (<code>tmux.enabled</code>): what fails headless stays failed,
            and nothing can be moved.
          </span>
        </p>
      )}
      {!status.automatic && (
        <p className="op-note" role="note">
          The service moves nothing by itself: <code>fallback.automatic.enabled</code> is off.
        </p>
      )}
      <Table
        caption="Which way the prompts of each CLI and agent go"
        columns={columns}
        rows={ways}
        keyOf={(way) => `${way.scope}:${way.name}`}
        classOf={(way) => (way.scope === "agent" ? "op-sub" : "op-group")}
      />
      {status.agents.length === 0 && (
        <p className="hint">There is no agent yet. Make one on the left; its way is shown here then.</p>
      )}
      {status.toggles.length > 0 && (
        <p>
          <button type="button" onClick={() => setAsked({ move: "clear-all", way: ways[0]! })}>
            Take all back…
          </button>
        </p>
      )}
      {asked !== null && <MoveDialog {...asked} onClose={() => setAsked(null)} />}
      {shown !== null && <Evidence toggle={shown} onClose={() => setShown(null)} />}
    </>
  );
}

function hasCircuit({ circuit }: Way): boolean {
  return circuit !== null && (circuit.state !== "closed" || circuit.failures > 0);
}

function Mode({ mode }: { mode: string }) {
  if (mode === "none") return <State tone="bad">refused</State>;
  return <i className={`mode ${mode}`}>{mode}</i>;
}

function CircuitCell({ way }: { way: Way }) {
  if (way.circuit === null) return null;
  const isOpen = way.circuit.state !== "closed";
  return (
    <Link href="/operate/circuits" className={isOpen ? "op-link op-bad" : "op-link"}>
      {circuitWord(way.circuit)}
    </Link>
  );
}

function Why({ way, onEvidence }: { way: Way; onEvidence: (toggle: Toggle) => void }) {
  const now = useNow(30_000);
  const { toggle } = way;
  if (toggle === null) return <span dir="auto">{way.why}</span>;
  if (toggle.automatic) {
    return (
      <>
        <b className="op-auto">by itself</b>{" "}
        <span dir="auto">{String(toggle.evidence.text ?? toggle.reason)}</span>{" "}
        <button type="button" className="op-link" onClick={() => onEvidence(toggle)}>
          evidence
        </button>
      </>
    );
  }
  return (
    <>
      <span dir="auto">
        {toggle.setBy}: {toggle.reason}
      </span>
      <small title={toggle.expiresAt === null ? undefined : fullTime(toggle.expiresAt)}>
        {leftWord(toggle.expiresAt, now)}
      </small>
    </>
  );
}

/** Why the service moved something by itself, and when it tries headless next. */
function Evidence({ toggle, onClose }: { toggle: Toggle; onClose: () => void }) {
  const now = useNow(10_000);
  const next = nextTryOf(toggle);
  const figures = figuresOf(toggle);
  return (
    <Dialog title={`Why ${subjectOf(toggle.scope, toggle.name)} goes by tmux`} onClose={onClose}>
      <p>{String(toggle.evidence.text ?? toggle.reason)}</p>
      <Facts>
        {figures !== "" && <Fact name="Seen">{figures}</Fact>}
        <Fact name="Since">
          <time dateTime={toggle.since}>{fullTime(toggle.since)}</time>
        </Fact>
        <Fact name="Headless is tried next">
          {next === null
            ? "unknown"
            : next <= now
              ? "with the next run"
              : `after ${fullTime(new Date(next).toISOString())}`}
        </Fact>
      </Facts>
      <p className="hint">
        Look at the runs of that time in their conversations, whether the CLI is{" "}
        <Link href="/operate/health" className="op-link">
          newer than what is known
        </Link>
        , and at the{" "}
        <Link href="/operate/circuits" className="op-link">
          circuits
        </Link>
        . Mend it, then try headless; left alone, it comes back when the CLI is well. More in{" "}
        <code>{String(toggle.evidence.runbook ?? "runbooks/fallback.md")}</code>.
      </p>
      <details>
        <summary>All of the evidence</summary>
        <Values value={toggle.evidence} label="All of the evidence" />
      </details>
    </Dialog>
  );
}
