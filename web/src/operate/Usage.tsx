import type { UsageSum } from "@agent-runner/engine";
import { useState } from "react";
import { useSearchParams } from "wouter";
import { useEngine } from "../react/AgentRunnerProvider";
import { useObservable } from "../react/useObservable";
import { useConversations } from "../sidebar/useConversations";
import { count, money } from "../ui/format";
import { ChatLink, Fact, Facts, Head, Loaded, Pick } from "./parts";
import { type Column, Table } from "./Table";
import { sinceOf } from "./since";
import { useFollow, useRead } from "./useRead";

type By = "agent" | "conversation" | "day" | "model";

const HEADS: Record<By, string> = {
  day: "Day (UTC)",
  agent: "Agent",
  model: "Model",
  conversation: "Conversation",
};
const SHOWN = 100;

/** Tokens and money. */
export function Usage() {
  const engine = useEngine();
  const agents = useObservable(engine.agents);
  const [params, setParams] = useSearchParams();
  const by = byOf(params.get("by"));
  const days = params.get("days") ?? "30";
  const agentId = params.get("agent") ?? "";
  const since = sinceOf(days, Date.now());
  const read = useRead(["usage", by, since, agentId], (api) => {
    const query = { by, ...(since === null ? {} : { since }), ...(agentId === "" ? {} : { agentId }) };
    return api.GET("/usage", { params: { query } });
  });
  useFollow("usage", engine.agents);
  const pick = (name: string) => (value: string) => {
    setParams(
      (known) => {
        const next = new URLSearchParams(known);
        next.set(name, value);
        return next;
      },
      { replace: true },
    );
  };
  return (
    <>
      <Head title="Usage">
        Tokens and money, as the CLIs themselves tell them: a figure that none told is unknown, which is not
        zero.
      </Head>
      <div className="op-filters">
        <Pick
          label="By"
          value={by}
          onPick={pick("by")}
          choices={[
            ["day", "day"],
            ["agent", "agent"],
            ["model", "model"],
            ["conversation", "conversation"],
          ]}
        />
        <Pick label="Time" value={days} onPick={pick("days")} choices={DAYS} />
        <Pick
          label="Agent"
          value={agentId}
          onPick={pick("agent")}
          choices={[
            ["", "all"],
            ...[...new Set([...(agents?.keys() ?? []), ...(agentId === "" ? [] : [agentId])])].map(
              (one) => [one, one] as const,
            ),
          ]}
        />
      </div>
      <Loaded of={read}>
        {({ sums, total, by: told }) =>
          sums.length === 0 ? (
            <p className="hint">
              Nothing ran in this time. What a run uses stands here as soon as it is over.
            </p>
          ) : (
            <>
              <p className="op-sentence">{saidOf(total)}</p>
              <Facts>
                <Fact name="Cost">{money(total.costUsd)}</Fact>
                <Fact name="Tokens in">{count(total.inputTokens)}</Fact>
                <Fact name="Tokens out">{count(total.outputTokens)}</Fact>
                <Fact name="Read from the cache">{count(total.cacheReadTokens)}</Fact>
              </Facts>
              <Sums sums={sums} by={told} />
            </>
          )
        }
      </Loaded>
    </>
  );
}

export const DAYS: readonly (readonly [string, string])[] = [
  ["1", "since yesterday"],
  ["7", "7 days"],
  ["30", "30 days"],
  ["90", "90 days"],
  ["all", "all time"],
];

function byOf(text: string | null): By {
  return text !== null && text in HEADS ? (text as By) : "day";
}

/** How many runs there were, and how many of them told of tokens and of a price. */
export function saidOf(total: Told): string {
  const runs = `${count(total.runs)} ${total.runs === 1 ? "run" : "runs"}`;
  if (total.told === 0 && total.priced === 0) return `${runs}; none told of tokens or of a price.`;
  return `${runs}; ${shareOf(total.told, total.runs)} told of tokens, ${shareOf(total.priced, total.runs)} of a price.`;
}

type Told = { runs: number; told: number; priced: number };

function shareOf(some: number, all: number): string {
  if (some === all) return all === 1 ? "it" : "all";
  return some === 0 ? "none" : count(some);
}

function Sums({ sums, by }: { sums: readonly UsageSum[]; by: By }) {
  const [shown, setShown] = useState(SHOWN);
  const ordered = by === "day" ? [...sums].sort((a, b) => (b.key ?? "").localeCompare(a.key ?? "")) : sums;
  const columns: Column<UsageSum>[] = [
    { head: HEADS[by], cell: (one) => <Key by={by} name={one.key} /> },
    { head: "Runs", kind: "num", cell: (one) => count(one.runs) },
    { head: "Cost", kind: "num", cell: (one) => money(one.costUsd) },
    { head: "Tokens in", kind: "num", cell: (one) => count(one.inputTokens) },
    { head: "Tokens out", kind: "num", cell: (one) => count(one.outputTokens) },
    { head: "of it, reasoning", kind: "num", cell: (one) => count(one.reasoningTokens) },
    { head: "Cache read", kind: "num", cell: (one) => count(one.cacheReadTokens) },
    { head: "Cache written", kind: "num", cell: (one) => count(one.cacheWriteTokens) },
    {
      head: "Told tokens, price",
      kind: "num",
      cell: (one) => `${count(one.told)}, ${count(one.priced)} of ${count(one.runs)}`,
    },
  ];
  return (
    <>
      <Table
        caption={`Usage by ${by}`}
        columns={columns}
        rows={ordered.slice(0, shown)}
        keyOf={(one) => one.key ?? "unknown"}
      />
      {ordered.length > shown && (
        <button type="button" onClick={() => setShown(shown + SHOWN)}>
          {count(ordered.length - shown)} more
        </button>
      )}
    </>
  );
}

function Key({ by, name }: { by: By; name: string | null }) {
  if (name === null || name === "") return "unknown";
  if (by === "agent") return <ChatLink agentId={name} />;
  return by === "conversation" ? <Conversation id={name} /> : name;
}

function Conversation({ id }: { id: string }) {
  const { data } = useConversations(false);
  const one = data?.find((known) => known.conversationId === id);
  if (one === undefined) return <code>{id}</code>;
  return (
    <ChatLink agentId={one.agentId} conversationId={id}>
      {one.title ?? one.lastTurn?.beginning ?? id}
    </ChatLink>
  );
}
