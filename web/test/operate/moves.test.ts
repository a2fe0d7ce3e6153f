import type { FallbackStatus, Outlook, Toggle } from "@agent-runner/engine";
import { describe, expect, it } from "vitest";
import {
  audited,
  effectOf,
  figuresOf,
  leftWord,
  movesOf,
  nextTryOf,
  waysOf,
} from "../../src/operate/moves.ts";
import { sinceOf } from "../../src/operate/since.ts";

function agent(agentId: string, more: Partial<Outlook> = {}): Outlook {
  return {
    agentId,
    type: "claude-code",
    commMode: "headless",
    mode: "headless",
    source: "comm_mode",
    reason: "r",
    terminal: true,
    ...more,
  };
}

function toggle(more: Partial<Toggle> = {}): Toggle {
  return {
    scope: "type",
    name: "claude-code",
    mode: "tmux",
    automatic: false,
    reason: "drift",
    setBy: "ann",
    via: "web",
    since: "2026-11-20T10:00:00.000Z",
    expiresAt: null,
    evidence: {},
    ...more,
  };
}

function status(agents: Outlook[], toggles: Toggle[] = []): FallbackStatus {
  return { agents, toggles, circuits: [], automatic: true, lastEventSeq: 0, tmux: true };
}

const rows = (found: FallbackStatus) => waysOf(found).map((way) => `${way.title}: ${way.mode}, ${way.why}`);

describe("ways", () => {
  it("has every CLI, each type, and its agents beneath it", () => {
    const found = status([
      agent("b", { type: "gemini" }),
      agent("a"),
      agent("c", { commMode: "shadow", mode: "shadow" }),
    ]);
    expect(rows(found)).toEqual([
      "Every CLI: differs, as each CLI below",
      "Claude Code: differs, as its agents ask",
      "a: headless, as its CLI",
      "c: shadow, r",
      "Gemini CLI: headless, default",
      "b: headless, as its CLI",
    ]);
  });

  it("lets the narrower toggle speak", () => {
    const types = status([agent("a", { mode: "tmux", source: "type_toggle" })], [toggle()]);
    expect(waysOf(types).map((way) => way.mode)).toEqual(["headless", "tmux", "tmux"]);
    const all = status(
      [agent("a", { mode: "tmux", source: "global_toggle" })],
      [toggle({ scope: "global", name: "*" })],
    );
    expect(rows(all)).toEqual([
      "Every CLI: tmux, as each CLI below",
      "Claude Code: tmux, as every CLI",
      "a: tmux, as every CLI",
    ]);
  });

  it("keeps the type of a toggle that no agent has", () => {
    expect(waysOf(status([], [toggle()])).map((way) => way.title)).toEqual(["Every CLI", "Claude Code"]);
  });

  it("does not blame a type for one agent whose circuit is open", () => {
    const broken = agent("broken", { mode: null, source: "circuit_open", reason: "left alone" });
    expect(rows(status([broken])).slice(1)).toEqual([
      "Claude Code: headless, default",
      "broken: none, left alone",
    ]);
  });
});

describe("moves", () => {
  const way = (agents: Outlook[], toggles: Toggle[] = []) => waysOf(status(agents, toggles))[1]!;
  it("offers what makes sense", () => {
    expect(movesOf(way([agent("a")]))).toEqual(["tmux", "pin"]);
    expect(movesOf(way([agent("a", { terminal: false })]))).toEqual(["pin"]);
    expect(movesOf(way([agent("a")], [toggle()]))).toEqual(["back", "pin"]);
    expect(movesOf(way([agent("a")], [toggle({ automatic: true })]))).toEqual(["try", "pin"]);
    expect(movesOf(way([agent("a")], [toggle({ mode: "headless" })]))).toEqual(["back", "tmux"]);
  });

  it("says that tmux cannot serve", () => {
    expect(effectOf("tmux", way([agent("a", { terminal: false })])).join(" ")).toContain("tmux_unavailable");
    expect(effectOf("tmux", way([agent("a")])).join(" ")).not.toContain("tmux_unavailable");
  });
});

describe("words", () => {
  it("tells who moved what", () => {
    const entry = {
      seq: 1,
      time: "t",
      type: "toggle.set",
      scope: "type",
      name: "gemini",
      toggle: toggle(),
      by: "ann",
      via: "cli",
      reason: "x",
    };
    expect(audited(entry)).toEqual({ what: "Gemini CLI → tmux", who: "ann, by command", reason: "x" });
    expect(audited({ ...entry, by: "service", via: "automatic" }).who).toBe("the service");
    expect(audited({ ...entry, type: "toggle.expired" }).reason).toBe("its time was over");
    expect(audited({ ...entry, type: "canary.finished", outcome: "hang" } as typeof entry).reason).toBe(
      "it hung",
    );
    expect(audited({ ...entry, type: "something.new" }).what).toBe("Gemini CLI: something.new");
  });

  it("reads evidence, and lacks what is not there", () => {
    const seen = toggle({ evidence: { figures: { count: 4, runs: 10 }, nextTryInMs: 60_000 } });
    expect(figuresOf(seen)).toBe("4 of 10 runs");
    expect(nextTryOf(seen)).toBe(Date.parse("2026-11-20T10:01:00.000Z"));
    expect(figuresOf(toggle())).toBe("");
    expect(nextTryOf(toggle())).toBeNull();
  });

  it("says for how long", () => {
    const now = Date.parse("2026-11-20T10:00:00.000Z");
    expect(leftWord(null, now)).toBe("until taken back");
    expect(leftWord("2026-11-20T11:00:00.000Z", now)).toBe("for 1 h 0 m more");
    expect(leftWord("2026-11-20T09:00:00.000Z", now)).toBe("its time is over");
  });

  it("begins a window with a day", () => {
    const now = Date.parse("2026-11-20T10:00:00.000Z");
    expect(sinceOf("7", now)).toBe("2026-11-13T00:00:00.000Z");
    expect(sinceOf("all", now)).toBeNull();
    expect(sinceOf("", now)).toBeNull();
  });
});
