import { must, type Session } from "@agent-runner/engine";
import { useEngine } from "../react/AgentRunnerProvider";
import type { Tone } from "../ui/Dot";
import { bytes, count, duration, fullTime, typeTitle } from "../ui/format";
import { Menu } from "../ui/Menu";
import { useNow } from "../ui/useNow";
import { ChatLink, type Deed, Facts, Fact, Head, Loaded, State, useAsking } from "./parts";
import { type Column, Table } from "./Table";
import { useFollow, useRead, useReadAgain } from "./useRead";

const EVERY_MS = 3_000;

/** Who holds which agent, and which processes live. */
export function Sessions() {
  const engine = useEngine();
  const sessions = useRead(["sessions", "held"], (api) => api.GET("/agents/sessions/status"), EVERY_MS);
  const [ask, dialog] = useAsking();
  useFollow("sessions", engine.agents);
  return (
    <>
      <Head title="Sessions and processes">
        Who holds which agent and since when, what waits, which processes are kept ready, and what they take
        of the machine; a stuck one can be ended here.
      </Head>
      <Loaded of={sessions}>{(data) => <Held sessions={data.sessions} ask={ask} />}</Loaded>
      <h2>Living processes</h2>
      <Living />
      {dialog}
    </>
  );
}

function Held({ sessions, ask }: { sessions: readonly Session[]; ask: (deed: Deed) => void }) {
  const deeds = useDeeds();
  if (sessions.length === 0) return <p className="hint">There is no agent yet. Make one on the left.</p>;
  const columns: Column<Session>[] = [
    { head: "Agent", cell: (one) => <ChatLink agentId={one.agentId} /> },
    { head: "CLI", cell: (one) => typeTitle(one.type) },
    {
      head: "State",
      cell: (one) => {
        const [tone, word] = stateOf(one);
        return <State tone={tone}>{word}</State>;
      },
    },
    { head: "Held by", cell: (one) => <Holder one={one} /> },
    {
      head: "Waiting prompts",
      kind: "num",
      cell: (one) => (one.queued.length === 0 ? "none" : count(one.queued.length)),
    },
    { head: "Kept ready", cell: (one) => <Warm one={one} /> },
    {
      head: "",
      kind: "act",
      cell: (one) => (
        <>
          {one.lock !== null && (
            <button
              type="button"
              className="no"
              aria-label={`Stop the run… ${one.agentId}`}
              onClick={() => ask(deeds.cancel(one))}
            >
              Stop the run…
            </button>
          )}
          {one.lock === null && one.warm.length > 0 && (
            <button type="button" aria-label={`Stop… ${one.agentId}`} onClick={() => ask(deeds.stop(one))}>
              Stop…
            </button>
          )}
          {one.lock === null && one.warm.length === 0 && (
            <button type="button" aria-label={`Start… ${one.agentId}`} onClick={() => ask(deeds.start(one))}>
              Start…
            </button>
          )}
          <Menu
            label={`More for ${one.agentId}`}
            items={[
              { label: "Start…", onSelect: () => ask(deeds.start(one)) },
              { label: "Stop…", onSelect: () => ask(deeds.stop(one)) },
              { label: "Restart…", onSelect: () => ask(deeds.restart(one)) },
              { label: "End the conversation…", onSelect: () => ask(deeds.end(one)), isDangerous: true },
            ]}
          />
        </>
      ),
    },
  ];
  return (
    <Table
      caption="Agents, and who holds them"
      columns={columns}
      rows={sessions}
      keyOf={(one) => one.agentId}
    />
  );
}

function stateOf(one: Session): readonly [Tone, string] {
  if (one.lock?.waits === true) return ["wait", "waits for a person"];
  if (one.state === "busy") return ["run", "working"];
  if (one.behind.length > 0) return ["run", "works in the background"];
  if (one.state === "queued") return ["wait", "a prompt waits"];
  return one.state === "warm" ? ["good", "ready"] : ["idle", "idle"];
}

function Holder({ one }: { one: Session }) {
  const now = useNow(1000);
  const { lock } = one;
  if (lock === null) return "nobody";
  return (
    <>
      <ChatLink agentId={one.agentId} conversationId={lock.conversationId}>
        a run
      </ChatLink>{" "}
      <time dateTime={lock.since} title={fullTime(lock.since)}>
        for {duration(Math.max(0, now - Date.parse(lock.since)))}
      </time>
      <small>
        {lock.pid === null ? "no process yet" : `process ${lock.pid}`}
        {lock.lastEvent !== null && `; ${lock.lastEvent} ${duration(lock.lastEventMs)} ago`}
      </small>
    </>
  );
}

function Warm({ one }: { one: Session }) {
  if (one.warm.length === 0) return "none";
  return one.warm.map((warm) => (
    <span key={warm.pid} className="op-line">
      process {warm.pid}, ends in {duration(warm.closesInMs)}
      {warm.closesFor === "lifetime_closed" ? " for its age" : " if idle"}
      {warm.background.length > 0 && (
        <small dir="auto">
          in the background: {warm.background.map((task) => task.title ?? task.kind ?? "work").join(", ")}
        </small>
      )}
    </span>
  ));
}

function useDeeds(): Record<"start" | "stop" | "restart" | "end" | "cancel", (one: Session) => Deed> {
  const engine = useEngine();
  const again = useReadAgain();
  const { api } = engine;
  const paramsOf = (one: Session) => ({ path: { agentId: one.agentId } });
  const whole = { conversationId: null };
  const then = (work: Promise<unknown>) => work.then(() => again("sessions"));
  return {
    start: (one) => ({
      title: `Have ${one.agentId} ready?`,
      action: "Start",
      text: "A process is started for the agent's newest conversation, so that the next prompt begins at once. It takes memory until it has been idle for too long.",
      run: () => then(must(api.POST("/agents/{agentId}/start", { params: paramsOf(one), body: whole }))),
    }),
    stop: (one) => ({
      title: `Stop the processes of ${one.agentId}?`,
      action: "Stop",
      isDangerous: true,
      text: "The agent's processes end, with all that they have left to do in the background. Nothing that was said is lost: a later prompt goes on in the same session, in a new process. While a run holds the agent this is refused.",
      run: () => then(must(api.POST("/agents/{agentId}/stop", { params: paramsOf(one), body: whole }))),
    }),
    restart: (one) => ({
      title: `Restart the process of ${one.agentId}?`,
      action: "Restart",
      isDangerous: true,
      text: "The agent's processes end, with all that they have left to do in the background, and a new one is started that goes on in the same session. While a run holds the agent this is refused.",
      run: () => then(must(api.POST("/agents/{agentId}/restart", { params: paramsOf(one), body: whole }))),
    }),
    end: (one) => ({
      title: `End the open conversation of ${one.agentId}?`,
      action: "End it",
      isDangerous: true,
      text: "The next prompt begins a new conversation, in which the CLI knows nothing of this one. What was said stays in the list. While a run holds the agent this is refused.",
      run: () => then(must(api.POST("/agents/{agentId}/end-session", { params: paramsOf(one), body: {} }))),
    }),
    cancel: (one) => ({
      title: `Stop the run of ${one.agentId}?`,
      action: "Stop the run",
      isDangerous: true,
      text: "The CLI is asked to stop, and killed with all it has started if it does not. What it has done so far stays done; what it has said so far is kept. Prompts that wait go on after it.",
      run: () => then(one.lock === null ? Promise.resolve() : engine.stop(one.agentId, one.lock.runId)),
    }),
  };
}

const FORMS: Record<string, string> = {
  "one-shot": "one run, then it ends",
  warm: "several runs",
  terminal: "several runs, in its terminal",
};

function Living() {
  const read = useRead(["sessions", "living"], (api) => api.GET("/agents/processes/status"), EVERY_MS);
  return (
    <Loaded of={read}>
      {({ processes, wardenPid }) => {
        const memory = processes.reduce((sum, one) => sum + one.memoryBytes, 0);
        return (
          <>
            <Facts>
              <Fact name="CLIs">{count(processes.length)}</Fact>
              <Fact name="Processes, with all they started">
                {count(processes.reduce((sum, one) => sum + one.processes, 0))}
              </Fact>
              <Fact name="Memory">{bytes(memory)}</Fact>
              <Fact name="Warden">process {wardenPid}</Fact>
            </Facts>
            {processes.length === 0 ? (
              <p className="hint">
                No CLI runs just now. One that does stands here, with what it and all it started take.
              </p>
            ) : (
              <Table
                caption="Living CLIs, each with all that it has started"
                rows={processes}
                keyOf={(one) => one.processId}
                columns={[
                  { head: "Process", cell: (one) => one.pid },
                  {
                    head: "Agent",
                    cell: (one) => (
                      <ChatLink agentId={one.agentId} conversationId={one.conversationId}>
                        {one.agentId}
                      </ChatLink>
                    ),
                  },
                  { head: "Serves", cell: (one) => FORMS[one.form] ?? one.form },
                  {
                    head: "Now",
                    cell: (one) =>
                      one.runId === null ? (
                        <State tone="idle">waits for a prompt</State>
                      ) : (
                        <State tone="run">a run</State>
                      ),
                  },
                  {
                    head: "Tree",
                    kind: "num",
                    cell: (one) => `${count(one.processes)} ${one.processes === 1 ? "process" : "processes"}`,
                  },
                  { head: "Memory", kind: "num", cell: (one) => bytes(one.memoryBytes) },
                  { head: "CPU time", kind: "num", cell: (one) => duration(one.cpuS * 1000) },
                  { head: "Age", kind: "num", cell: (one) => duration(one.ageMs) },
                ]}
              />
            )}
          </>
        );
      }}
    </Loaded>
  );
}
