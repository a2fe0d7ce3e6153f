import { type Agent, type Circuit, must } from "@agent-runner/engine";
import { useEngine } from "../react/AgentRunnerProvider";
import { useObservable } from "../react/useObservable";
import type { Tone } from "../ui/Dot";
import { count, duration, typeTitle } from "../ui/format";
import { useNow } from "../ui/useNow";
import { ChatLink, Head, Loaded, State, useAsking } from "./parts";
import { type Column, Table } from "./Table";
import { useFollow, useRead, useReadAgain } from "./useRead";

const EVERY_MS = 5_000;

const STATES: Record<Circuit["state"], readonly [Tone, string]> = {
  closed: ["good", "closed: runs go through"],
  half_open: ["wait", "half open: one run is tried"],
  open: ["bad", "open: left alone"],
};

/** The circuit breakers of agents and types. */
export function Circuits() {
  const engine = useEngine();
  const agents = useObservable(engine.agents);
  const again = useReadAgain();
  const [ask, dialog] = useAsking();
  const read = useRead(["circuits"], (api) => api.GET("/agents/circuits/status"), EVERY_MS);
  const at = read.dataUpdatedAt;
  useFollow("circuits", engine.agents, engine.fallback);

  const askReset = (circuit: Circuit, agent: Agent) => {
    const params = { path: { agentId: agent.agentId } };
    ask({
      title: "Reset the circuit?",
      action: "Reset",
      text: `The circuit of the agent ${agent.agentId} and that of its CLI, ${typeTitle(agent.type)}, are closed and forget what they have seen: the next prompt is tried. If ${circuit.code ?? "the cause"} is not mended, they open again.`,
      run: async () => {
        await must(engine.api.POST("/agents/{agentId}/circuit/reset", { params, body: {} }));
        await again();
      },
    });
  };
  const columns: Column<Circuit>[] = [
    {
      head: "CLI / agent",
      cell: (one) => (one.scope === "type" ? typeTitle(one.name) : <ChatLink agentId={one.name} />),
    },
    { head: "For", cell: (one) => (one.scope === "type" ? "all agents of the CLI" : "one agent") },
    {
      head: "State",
      cell: (one) => {
        const [tone, words] = STATES[one.state];
        return <State tone={tone}>{words}</State>;
      },
    },
    { head: "Failures in a row", kind: "num", cell: (one) => count(one.failures) },
    { head: "Opened in a row", kind: "num", cell: (one) => count(one.openings) },
    { head: "Last failure", cell: (one) => (one.code === null ? "none" : <code>{one.code}</code>) },
    {
      head: "Tried again in",
      kind: "num",
      cell: (one) => (one.retryInMs === null ? "" : <Left until={at + one.retryInMs} />),
    },
    {
      head: "",
      kind: "act",
      cell: (one) => {
        const agent = agentOf(one, agents);
        if (isFresh(one)) return null;
        if (agent === undefined) return <span className="hint">no agent of it is left</span>;
        return (
          <button type="button" aria-label={`Reset… ${one.name}`} onClick={() => askReset(one, agent)}>
            Reset…
          </button>
        );
      },
    },
  ];
  return (
    <>
      <Head title="Circuits">
        An agent or a CLI that fails too often in a row is left alone for a while, so that nobody waits for
        what cannot work; where tmux can serve, runs go there meanwhile.
      </Head>
      <Loaded of={read}>
        {({ circuits }) =>
          circuits.length === 0 ? (
            <p className="hint">
              No circuit has seen anything yet: nothing has run since the service began. When something fails
              in a row, it stands here, and can be reset once it is mended.
            </p>
          ) : (
            <Table
              caption="Circuit breakers by CLI and agent"
              columns={columns}
              rows={circuits}
              keyOf={(one) => `${one.scope}:${one.name}`}
            />
          )
        }
      </Loaded>
      {dialog}
    </>
  );
}

function isFresh(one: Circuit): boolean {
  return one.state === "closed" && one.failures === 0;
}

/** By whom it can be reset: the service takes an agent, also for the circuit of its type. */
function agentOf(one: Circuit, agents: ReadonlyMap<string, Agent> | null): Agent | undefined {
  if (one.scope === "agent") return agents?.get(one.name);
  return [...(agents?.values() ?? [])].find((agent) => agent.type === one.name);
}

function Left({ until }: { until: number }) {
  const now = useNow(1000);
  return until > now ? duration(until - now) : "the next run";
}
