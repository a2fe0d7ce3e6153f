/** What is said of a run in words: how it ended, and what to do next. */
import type { RunView } from "@agent-runner/engine";
import type { Tone } from "../ui/Dot";

export interface Ending {
  tone: Tone;
  title: string;
  /** Why, and what was lost. */
  detail: string | null;
  hint: string | null;
  code: string | null;
  canRetry: boolean;
}

const NEXT: Record<string, string> = {
  cancelled: "What was done until then stays done. Send another prompt to go on.",
  timed_out: "The answer breaks off here. Give the agent more time (timeouts), or ask for less at once.",
  interrupted:
    "The answer breaks off here; all that was streamed is kept. Send the prompt again, or go on from here.",
};

/** How a run ended, if it did not just succeed. */
export function endingOf(run: RunView): Ending | null {
  const finished = run.finished;
  if (finished === null || finished.state === "succeeded") return null;
  const error = finished.error ?? null;
  const common = { detail: error, hint: finished.hint ?? null, code: finished.code ?? null };
  switch (finished.state) {
    case "cancelled":
      return { ...common, tone: "idle", title: "Stopped", hint: common.hint ?? next(run), canRetry: true };
    case "timed_out":
      return {
        ...common,
        tone: "bad",
        title: "Ended: it took too long",
        hint: common.hint ?? next(run),
        canRetry: true,
      };
    case "interrupted":
      return {
        ...common,
        tone: "bad",
        title: "Interrupted: the service stopped in the middle of it",
        hint: common.hint ?? next(run),
        canRetry: true,
      };
    default:
      return { ...common, tone: "bad", title: titleOf(finished.code ?? null), canRetry: true };
  }
}

function next(run: RunView): string | null {
  return NEXT[run.state] ?? null;
}

function titleOf(code: string | null): string {
  switch (code) {
    case "rate_limited":
      return "The model's provider has had enough requests for now";
    case "not_logged_in":
    case "auth_failed":
      return "The CLI is not logged in";
    case "cli_not_found":
      return "The CLI is not installed on the service's machine";
    default:
      return "The run failed";
  }
}

export interface StateWord {
  tone: Tone;
  word: string;
}

/** A run's state in a word or two. */
export function stateWord(run: RunView | null): StateWord {
  switch (run?.state) {
    case "queued":
      return { tone: "idle", word: "queued" };
    case "starting":
    case "running":
      return { tone: "run", word: "working" };
    case "waiting_approval":
      return { tone: "wait", word: "waiting for you" };
    case "failed":
      return { tone: "bad", word: "failed" };
    case "timed_out":
      return { tone: "bad", word: "took too long" };
    case "interrupted":
      return { tone: "bad", word: "interrupted" };
    case "cancelled":
      return { tone: "idle", word: "stopped" };
    default:
      return { tone: "good", word: "done" };
  }
}

export function agentStateWord(state: string): StateWord {
  switch (state) {
    case "running":
      return { tone: "run", word: "working" };
    case "waiting":
      return { tone: "wait", word: "waiting for you" };
    case "queued":
      return { tone: "idle", word: "queued" };
    case "background":
      return { tone: "run", word: "working in the background" };
    default:
      return { tone: "idle", word: "idle" };
  }
}
