/** Which way prompts go, as rows, and what an operator can do about it. No I/O. */
import type { AuditEntry, Circuit, FallbackStatus, Outlook, Toggle } from "@agent-runner/engine";
import { duration, typeTitle } from "../ui/format";

export type Scope = Toggle["scope"];

/** A row of the table: every CLI, a type of CLI, or one agent beneath its type. */
export interface Way {
  scope: Scope;
  name: string;
  title: string;
  /** headless, tmux, shadow; "differs" if agents do; "none" if no run may begin. */
  mode: string;
  /** Set for just this row. */
  toggle: Toggle | null;
  /** What decides, in words, where no toggle of this row does. */
  why: string;
  circuit: Circuit | null;
  /** False if none of its CLIs can be driven in tmux here. */
  terminal: boolean;
}

export const EVERYTHING = "*";

export function waysOf(status: FallbackStatus): Way[] {
  const global = toggleOf(status, "global", EVERYTHING);
  const types = new Set([
    ...status.agents.map((one) => one.type),
    ...status.toggles.filter((one) => one.scope === "type").map((one) => one.name),
  ]);
  const all: Way = {
    scope: "global",
    name: EVERYTHING,
    title: "Every CLI",
    mode: global?.mode ?? ownModeOf(status.agents),
    toggle: global,
    why: "as each CLI below",
    circuit: null,
    terminal: status.tmux,
  };
  const rows = [all];
  for (const type of [...types].sort((a, b) => typeTitle(a).localeCompare(typeTitle(b)))) {
    const agents = status.agents.filter((one) => one.type === type);
    rows.push(typeWay(status, type, agents, global));
    for (const agent of agents) rows.push(agentWay(status, agent));
  }
  return rows;
}

function typeWay(
  status: FallbackStatus,
  type: string,
  agents: readonly Outlook[],
  global: Toggle | null,
): Way {
  const toggle = toggleOf(status, "type", type);
  const own = ownModeOf(agents);
  const asked =
    own === "headless" ? "default" : own === "differs" ? "as its agents ask" : "its agents ask for it";
  return {
    scope: "type",
    name: type,
    title: typeTitle(type),
    mode: toggle?.mode ?? global?.mode ?? own,
    toggle,
    why: global !== null ? "as every CLI" : asked,
    circuit: circuitOf(status, "type", type),
    terminal: agents.some((one) => one.terminal),
  };
}

function agentWay(status: FallbackStatus, agent: Outlook): Way {
  return {
    scope: "agent",
    name: agent.agentId,
    title: agent.agentId,
    mode: agent.mode ?? "none",
    toggle: toggleOf(status, "agent", agent.agentId),
    why: agentWhy(agent),
    circuit: circuitOf(status, "agent", agent.agentId),
    terminal: agent.terminal,
  };
}

function agentWhy(agent: Outlook): string {
  switch (agent.source) {
    case "type_toggle":
      return "as its CLI";
    case "global_toggle":
      return "as every CLI";
    case "comm_mode":
      return agent.commMode === "headless" && agent.mode === "headless" ? "as its CLI" : agent.reason;
    default:
      return agent.reason;
  }
}

/** What agents ask for by themselves, whatever is set or ails for some of them. */
function ownModeOf(agents: readonly Outlook[]): string {
  const modes = new Set(
    agents.map((one) => (one.source === "comm_mode" && one.mode !== null ? one.mode : one.commMode)),
  );
  if (modes.size > 1) return "differs";
  return [...modes][0] ?? "headless";
}

function toggleOf(status: FallbackStatus, scope: Scope, name: string): Toggle | null {
  return status.toggles.find((one) => one.scope === scope && one.name === name) ?? null;
}

function circuitOf(status: FallbackStatus, scope: Scope, name: string): Circuit | null {
  return status.circuits.find((one) => one.scope === scope && one.name === name) ?? null;
}

export type Move = "tmux" | "pin" | "back" | "try" | "clear-all";

/** What can be done about a row; the first makes most sense. */
export function movesOf(way: Way): Move[] {
  if (way.toggle === null) return way.terminal && way.mode !== "tmux" ? ["tmux", "pin"] : ["pin"];
  if (way.toggle.automatic) return ["try", "pin"];
  return way.toggle.mode === "tmux" ? ["back", "pin"] : way.terminal ? ["back", "tmux"] : ["back"];
}

/** The words on the button. */
export function moveWord(move: Move, way: Way): string {
  switch (move) {
    case "tmux":
      return "Move to tmux…";
    case "pin":
      return "Pin headless…";
    case "try":
      return "Try headless now…";
    case "back":
      return way.toggle?.mode === "headless" ? "Take the pin away…" : "Back to headless…";
    case "clear-all":
      return "Take all back…";
  }
}

/** "every CLI", "Claude Code", "the agent coder". */
export function subjectOf(scope: string, name: string): string {
  if (scope === "global") return "every CLI";
  return scope === "type" ? typeTitle(name) : `the agent ${name}`;
}

/** What a move does, sentence by sentence. */
export function effectOf(move: Move, way: Way): string[] {
  const subject = subjectOf(way.scope, way.name);
  const begins =
    "It counts for the next run that begins, those that wait in a queue included; a run under way goes on as it is.";
  const narrower = {
    global: "A CLI or an agent with a setting of its own keeps that.",
    type: "An agent with a setting of its own keeps that.",
    agent: "Whatever is set for its CLI does not count for it meanwhile.",
  }[way.scope];
  const lacking = way.terminal
    ? []
    : ["tmux cannot serve here now: runs would be refused with tmux_unavailable."];
  switch (move) {
    case "tmux":
      return [`Runs of ${subject} go to the CLI's own terminal, in tmux.`, begins, narrower, ...lacking];
    case "pin":
      return [
        `Runs of ${subject} are kept headless, whatever the evidence: the service moves nothing by itself here.`,
        "A run that fails headless gets no second way, and an open circuit refuses.",
        begins,
        narrower,
      ];
    case "try":
      return [
        `What the service had set for ${subject} by itself is taken away, and the evidence for it is forgotten.`,
        "Runs go headless again, unless their agents say otherwise; should they fail as before, the service moves them again.",
        begins,
      ];
    case "back":
      return [
        `What is set for ${subject} is taken away; its runs go as ${way.scope === "global" ? "each CLI and agent has it" : "they would without it"}.`,
        "The service may again move them by itself, on evidence.",
        begins,
      ];
    case "clear-all":
      return [
        "Everything that is set is taken away: for every CLI, for types and for agents, what the service set by itself too.",
        "Each agent goes the way of its own commMode.",
        begins,
      ];
  }
}

/** True if the move sets something that can end by itself. */
export function canExpire(move: Move): boolean {
  return move === "tmux" || move === "pin";
}

export interface AuditLine {
  what: string;
  who: string;
  reason: string;
}

const WAYS: Record<string, string> = {
  web: "from the page",
  cli: "by command",
  tui: "from the terminal view",
  http: "over the API",
};

/** An entry of the audit in words. */
export function audited(entry: AuditEntry): AuditLine {
  const subject =
    entry.scope === "global" ? "Every CLI" : entry.scope === "type" ? typeTitle(entry.name) : entry.name;
  const toggle = entry.toggle;
  const who = entry.by === undefined || entry.by === "service" ? "the service" : entry.by;
  const by = `${who}${WAYS[entry.via ?? ""] === undefined ? "" : `, ${WAYS[entry.via ?? ""]}`}`;
  const reason = entry.reason ?? "";
  switch (entry.type) {
    case "toggle.set":
      return {
        what: `${subject} → ${toggle?.mode === "headless" ? "pinned headless" : "tmux"}`,
        who: by,
        reason,
      };
    case "toggle.cleared":
      return {
        what: `${subject} → ${toggle?.mode === "headless" ? "no longer pinned" : "no longer tmux"}`,
        who: by,
        reason,
      };
    case "toggle.expired":
      return {
        what: `${subject} → ${toggle?.mode === "headless" ? "no longer pinned" : "no longer tmux"}`,
        who: "the service",
        reason: "its time was over",
      };
    case "canary.started":
      return { what: `${subject}: a run is tried headless`, who: "the service", reason: "" };
    case "canary.finished":
      return {
        what: `${subject}: the run that was tried is over`,
        who: "the service",
        reason: outcomeOf(entry),
      };
    default:
      return { what: `${subject}: ${entry.type}`, who: by, reason };
  }
}

const OUTCOMES: Record<string, string> = {
  success: "it succeeded",
  failure: "it failed",
  hang: "it hung",
  drift: "it printed what the schemas do not know",
};

function outcomeOf(entry: AuditEntry): string {
  const outcome = (entry as { outcome?: string | null }).outcome;
  return outcome == null ? "it says nothing" : (OUTCOMES[outcome] ?? outcome);
}

/** The figures of an automatic toggle's evidence: "4 of 10 runs". */
export function figuresOf(toggle: Toggle): string {
  const figures = (toggle.evidence.figures ?? {}) as Record<string, unknown>;
  const { count, runs, failures } = figures;
  if (typeof count === "number" && typeof runs === "number") return `${count} of ${runs} runs`;
  if (typeof failures === "number") return `${failures} failures in a row`;
  return "";
}

/** When one run is tried headless next, in ms since 1970; null if that is not known. */
export function nextTryOf(toggle: Toggle): number | null {
  const left = toggle.evidence.nextTryInMs;
  return typeof left === "number" ? Date.parse(toggle.since) + left : null;
}

export function circuitWord(circuit: Circuit): string {
  const failures = `${circuit.failures} ${circuit.failures === 1 ? "failure" : "failures"} in a row`;
  switch (circuit.state) {
    case "open":
      return `open after ${failures}`;
    case "half_open":
      return "half open: one run is tried";
    default:
      return circuit.failures === 0 ? "closed" : `closed, ${failures}`;
  }
}

export function leftWord(expiresAt: string | null, now: number): string {
  if (expiresAt === null) return "until taken back";
  const left = Date.parse(expiresAt) - now;
  return left > 0 ? `for ${duration(left)} more` : "its time is over";
}
