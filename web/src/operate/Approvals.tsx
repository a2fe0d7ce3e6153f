import { type Approval, asServiceError, must } from "@agent-runner/engine";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { useEngine } from "../react/AgentRunnerProvider";
import { useObservable } from "../react/useObservable";
import { Values } from "../tools/Values";
import type { Tone } from "../ui/Dot";
import { Failure } from "../ui/Failure";
import { fullTime } from "../ui/format";
import { ChatLink, Fact, Facts, Head, Pick, State, Time } from "./parts";
import { type Column, Table } from "./Table";
import { useFollow } from "./useRead";
import { useFilters } from "./useFilters";

const PAGE = 50;

type ApprovalState = Approval["state"];

const STATES: Record<ApprovalState, readonly [Tone, string]> = {
  pending: ["wait", "waits for you"],
  approved: ["good", "allowed"],
  rejected: ["bad", "denied"],
  expired: ["idle", "nobody decided: denied"],
  voided: ["idle", "not asked any more"],
};

const DELIVERIES: Record<Approval["delivery"], string> = {
  none: "nothing to deliver",
  waiting: "waits for a process",
  resuming: "a process is started for it",
  delivered: "the CLI was told",
  failed: "not delivered",
};

/** Every question that was asked, and who decided how. */
export function Approvals() {
  const engine = useEngine();
  const agents = useObservable(engine.agents);
  const [params, pick] = useFilters();
  const state = params.get("state") ?? "";
  const agentId = params.get("agent") ?? "";
  useFollow("approvals", engine.approvals);
  const found = useInfiniteQuery({
    queryKey: ["operate", "approvals", state, agentId],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam }) => {
      const query = {
        limit: PAGE,
        ...(state === "" ? {} : { state: state as ApprovalState }),
        ...(agentId === "" ? {} : { agentId }),
        ...(pageParam === null ? {} : { before: pageParam }),
      };
      return must(engine.api.GET("/approvals", { params: { query } }));
    },
    getNextPageParam: (page) => page.nextBefore,
    staleTime: 0,
  });
  const rows = found.data?.pages.flatMap((page) => page.approvals) ?? [];
  const known = new Set([...(agents?.keys() ?? []), ...(agentId === "" ? [] : [agentId])]);
  return (
    <>
      <Head title="Approvals">
        What agents have asked for, who decided how, and whether the decision has reached the CLI; what waits
        is answered in{" "}
        <Link href="/inbox" className="op-link">
          the inbox
        </Link>
        .
      </Head>
      <div className="op-filters">
        <Pick
          label="State"
          value={state}
          onPick={pick("state")}
          choices={[["", "all"], ...Object.entries(STATES).map(([name, [, word]]) => [name, word] as const)]}
        />
        <Pick
          label="Agent"
          value={agentId}
          onPick={pick("agent")}
          choices={[["", "all"], ...[...known].map((name) => [name, name] as const)]}
        />
      </div>
      {found.isError && <Failure error={asServiceError(found.error)} />}
      {found.isPending && <p className="hint">Loading…</p>}
      {found.isSuccess && rows.length === 0 && (
        <p className="hint">
          {state === "" && agentId === ""
            ? "Nothing was asked yet. An agent asks for what its setting of permissions does not allow by itself."
            : "Nothing was asked that fits these filters."}
        </p>
      )}
      {rows.length > 0 && (
        <Table
          caption="Approvals, newest first"
          columns={COLUMNS}
          rows={rows}
          keyOf={(one) => one.approvalId}
          detail={(one) => <Whole one={one} />}
          detailLabel={(one) => `All of ${one.tool}, ${one.agentId}`}
        />
      )}
      {found.hasNextPage && (
        <button type="button" disabled={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
          Older ones
        </button>
      )}
    </>
  );
}

const COLUMNS: Column<Approval>[] = [
  { head: "Asked", cell: (one) => <Time at={one.createdAt} /> },
  {
    head: "Agent",
    cell: (one) => (
      <ChatLink agentId={one.agentId} conversationId={one.conversationId}>
        {one.agentId}
      </ChatLink>
    ),
  },
  {
    head: "For",
    cell: (one) => (
      <>
        <b>{one.tool}</b> <span dir="auto">{subjectOf(one)}</span>
      </>
    ),
  },
  {
    head: "State",
    cell: (one) => {
      const [tone, word] = STATES[one.state];
      return <State tone={tone}>{`${word}${howOf(one)}`}</State>;
    },
  },
  {
    head: "Decided by",
    cell: (one) =>
      one.decidedBy === null ? (
        ""
      ) : (
        <>
          <span dir="auto">{one.decidedBy}</span>
          {one.decidedVia !== null && ` (${one.decidedVia})`}
          {one.decidedAt !== null && (
            <>
              {", "}
              <Time at={one.decidedAt} />
            </>
          )}
        </>
      ),
  },
  {
    head: "Delivery",
    cell: (one) =>
      one.delivery === "failed" ? (
        <State tone="bad">{DELIVERIES.failed}</State>
      ) : one.state === "pending" ? (
        ""
      ) : (
        DELIVERIES[one.delivery]
      ),
  },
];

function subjectOf(one: Approval): string {
  const command = one.input.command ?? one.input.file_path ?? one.input.path;
  const text = typeof command === "string" ? command : one.question;
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function howOf(one: Approval): string {
  const decision = one.decision ?? {};
  const session = decision.scope === "session" ? " for the session" : "";
  return `${session}${decision.updatedInput == null ? "" : ", changed"}`;
}

/** All that was asked, and all that became of it. */
function Whole({ one }: { one: Approval }) {
  return (
    <div className="op-whole">
      <Facts>
        <Fact name="Asked">{fullTime(one.createdAt)}</Fact>
        {one.decidedAt !== null && <Fact name="Decided">{fullTime(one.decidedAt)}</Fact>}
        {one.reason !== null && one.reason !== "" && (
          <Fact name="Why">
            <q dir="auto">{one.reason}</q>
          </Fact>
        )}
        {one.state === "pending" && <Fact name="Expires">{fullTime(one.expiresAt)}</Fact>}
        {one.deliveryError !== null && <Fact name="Not delivered">{one.deliveryError}</Fact>}
        {one.deliveryAttempts > 0 && <Fact name="Processes started for it">{one.deliveryAttempts}</Fact>}
        <Fact name="Id">
          <code>{one.approvalId}</code>
        </Fact>
      </Facts>
      <h2>What was asked</h2>
      <Values value={one.input} label="Arguments" />
      {one.decision?.updatedInput != null && (
        <>
          <h2>What it was changed to</h2>
          <Values value={one.decision.updatedInput} label="Changed arguments" />
        </>
      )}
    </div>
  );
}
