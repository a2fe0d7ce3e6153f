import type { ShadowReport } from "@agent-runner/engine";
import { Link } from "wouter";
import { useEngine } from "../react/AgentRunnerProvider";
import { useObservable } from "../react/useObservable";
import { count, duration, money, percent, typeTitle } from "../ui/format";
import { Comparisons } from "./Comparisons";
import { Days } from "./Days";
import { ChatLink, Fact, Facts, Head, Loaded, Pick, State } from "./parts";
import { sinceOf } from "./since";
import { skippedWord, verdictWord } from "./shadowWords";
import { Table } from "./Table";
import { useFilters } from "./useFilters";
import { useRead } from "./useRead";

const WINDOWS: readonly (readonly [string, string])[] = [
  ["", "as the criteria have it"],
  ["1", "since yesterday"],
  ["7", "7 days"],
  ["30", "30 days"],
  ["90", "90 days"],
];

export interface Filters {
  agentId?: string;
  type?: string;
  since?: string;
}

/** How headless compares with tmux, and whether tmux can go. */
export function Shadow() {
  const engine = useEngine();
  const agents = useObservable(engine.agents);
  const [params, pick] = useFilters();
  const agentId = params.get("agent") ?? "";
  const type = params.get("type") ?? "";
  const days = params.get("days") ?? "";
  const since = sinceOf(days, Date.now());
  const filters: Filters = {
    ...(agentId === "" ? {} : { agentId }),
    ...(type === "" ? {} : { type }),
    ...(since === null ? {} : { since }),
  };
  const read = useRead(["shadow", "report", filters], async (api) => {
    const answer = await api.GET("/api/shadow-mode/report", {
      params: { query: { ...filters, format: "json" } },
    });
    return { ...answer, data: answer.data as ShadowReport };
  });
  const names = new Set([...(agents?.keys() ?? []), ...(agentId === "" ? [] : [agentId])]);
  const types = new Set([
    ...[...(agents?.values() ?? [])].map((one) => one.type),
    ...(type === "" ? [] : [type]),
  ]);
  return (
    <>
      <Head title="Shadow: headless beside tmux">
        An agent in shadow runs every prompt both ways and the two are compared: this is the evidence for
        whether headless answers as tmux does, and whether tmux can go.
      </Head>
      <div className="op-filters">
        <Pick
          label="Agent"
          value={agentId}
          onPick={pick("agent")}
          choices={[["", "all"], ...[...names].map((one) => [one, one] as const)]}
        />
        <Pick
          label="CLI"
          value={type}
          onPick={pick("type")}
          choices={[["", "all"], ...[...types].map((one) => [one, typeTitle(one)] as const)]}
        />
        <Pick label="Time" value={days} onPick={pick("days")} choices={WINDOWS} />
      </div>
      <Loaded of={read}>
        {(report) => {
          const { metrics } = report;
          const isEmpty = metrics.comparisons === 0 && metrics.running === 0;
          if (isEmpty) return <Begin isFiltered={agentId !== "" || type !== "" || days !== ""} />;
          return (
            <>
              <Criteria report={report} />
              <Figures report={report} />
              <Comparisons report={report} filters={filters} />
            </>
          );
        }}
      </Loaded>
    </>
  );
}

function Begin({ isFiltered }: { isFiltered: boolean }) {
  if (isFiltered) return <p className="hint">No comparison fits these filters.</p>;
  return (
    <section className="op-teach">
      <h2>Nothing has been compared yet</h2>
      <ol>
        <li>
          Set an agent to run in shadow:{" "}
          <code>agent-runner agents add NAME --type TYPE --comm-mode shadow</code>, or send one prompt with{" "}
          <code>"mode": "shadow"</code>.
        </li>
        <li>
          Prompt it as ever. One way's answer counts; the other works in a copy of the folder, and asks
          nobody.
        </li>
        <li>
          Come back: verdicts, times and the worst mismatches stand here, and what is still missing to do
          without tmux.
        </li>
      </ol>
      <p className="hint">
        What an agent does beyond its folder (a mail, a deployment, a database) is done twice in shadow:
        choose agents that do no such thing. It needs tmux: see{" "}
        <Link href="/operate/health" className="op-link">
          health
        </Link>
        .
      </p>
    </section>
  );
}

const CHECKS: Record<string, string> = {
  sample: "Comparisons",
  days: "Days",
  headless_success: "Headless succeeds",
  match: "Answers match",
  latency: "Headless is faster",
  corruption: "Output is whole",
};

function Criteria({ report }: { report: ShadowReport }) {
  const { criteria } = report;
  const met = criteria.checks.filter((one) => one.ok).length;
  return (
    <section>
      <h2>Can tmux go?</h2>
      <p className="op-note">
        <State tone={criteria.ready ? "good" : "wait"}>
          {criteria.ready ? "Ready: tmux can go" : "Not yet"}
        </State>
        <span>
          {count(met)} of {count(criteria.checks.length)} criteria are met, by {count(criteria.comparisons)}{" "}
          comparisons of headless with tmux since {criteria.since.slice(0, 10)}.
        </span>
      </p>
      <Table
        caption="Criteria for doing without tmux"
        rows={criteria.checks}
        keyOf={(one) => one.name}
        columns={[
          { head: "Criterion", cell: (one) => CHECKS[one.name] ?? one.name },
          {
            head: "State",
            cell: (one) => <State tone={one.ok ? "good" : "wait"}>{one.ok ? "met" : "not met"}</State>,
          },
          { head: "Seen", cell: (one) => one.text },
          { head: "Wanted", cell: (one) => one.wanted },
          { head: "Missing", cell: (one) => one.missing ?? "" },
        ]}
      />
    </section>
  );
}

function Figures({ report }: { report: ShadowReport }) {
  const { metrics } = report;
  const modes = [
    { name: "headless", ...metrics.headless },
    { name: "tmux", ...metrics.tmux },
  ];
  const skipped = Object.entries(metrics.skipped);
  return (
    <section>
      <h2>Figures</h2>
      <Facts>
        <Fact name="Match or equivalent">{percent(metrics.match)}</Fact>
        <Fact name="Likeness of the answers">{percent(metrics.similarity)}</Fact>
        <Fact name="Headless agrees with itself">
          {percent(metrics.itself.match)} of {count(metrics.itself.judged)}
        </Fact>
        <Fact name="Comparisons">
          {count(metrics.comparisons)}, {count(metrics.judged)} judged
          {metrics.running > 0 && `, ${count(metrics.running)} under way`}
        </Fact>
      </Facts>
      {metrics.cut && (
        <p className="hint">There were more comparisons than are looked at: these are the newest.</p>
      )}
      <p className="hint">
        {Object.entries(metrics.verdicts)
          .map(([verdict, times]) => `${verdictWord(verdict)}: ${count(times)}`)
          .join(" · ")}
        {skipped.length > 0 &&
          ` · not compared: ${skipped.map(([why, times]) => `${skippedWord(why)} ${count(times)}`).join(", ")}`}
      </p>
      <Table
        caption="Both ways beside each other"
        rows={modes}
        keyOf={(one) => one.name}
        columns={[
          { head: "Way", cell: (one) => <i className={`mode ${one.name}`}>{one.name}</i> },
          { head: "Runs", kind: "num", cell: (one) => count(one.legs) },
          { head: "Succeeded", kind: "num", cell: (one) => percent(one.success) },
          { head: "First words, median", kind: "num", cell: (one) => duration(one.times.firstP50Ms) },
          { head: "Whole time, median", kind: "num", cell: (one) => duration(one.times.p50Ms) },
          { head: "95 % are under", kind: "num", cell: (one) => duration(one.times.p95Ms) },
          { head: "Damaged outputs", kind: "num", cell: (one) => count(one.corrupt) },
          { head: "Cost told", kind: "num", cell: (one) => money(one.costUsd) },
        ]}
      />
      <Days days={metrics.days} />
      {metrics.agents.length > 1 && (
        <Table
          caption="Match by agent"
          rows={metrics.agents}
          keyOf={(one) => one.agentId}
          columns={[
            { head: "Agent", cell: (one) => <ChatLink agentId={one.agentId} /> },
            { head: "CLI", cell: (one) => typeTitle(one.type) },
            { head: "Judged", kind: "num", cell: (one) => count(one.judged) },
            { head: "Match or equivalent", kind: "num", cell: (one) => percent(one.match) },
          ]}
        />
      )}
    </section>
  );
}
