import {
  asServiceError,
  type CliFinding,
  type Health as HealthReply,
  must,
  type ServiceError,
} from "@agent-runner/engine";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { CopyButton } from "../markdown/Code";
import { useEngine } from "../react/AgentRunnerProvider";
import { useObservable } from "../react/useObservable";
import type { Tone } from "../ui/Dot";
import { Failure } from "../ui/Failure";
import { count, typeTitle } from "../ui/format";
import { Database } from "./Database";
import { Head, Loaded, State, Time } from "./parts";
import { Table } from "./Table";
import { useRead } from "./useRead";

/** The service, its machine, its CLIs and its database. */
export function Health() {
  const engine = useEngine();
  const told = useObservable(engine.health);
  const read = useRead(["health"], (api) => api.GET("/health"));
  const health = told ?? read.data;
  return (
    <>
      <Head title="Health">
        Whether the service, this machine, the CLIs and the database are well, and for each thing that is not,
        the exact command that mends it.
      </Head>
      {health !== undefined && <Service health={health} />}
      <Environment />
      {health !== undefined && <Drift health={health} />}
      <Database />
    </>
  );
}

const STORES: Record<HealthReply["store"]["state"], string> = {
  ok: "the database reads and writes",
  locked: "the database is locked by another program: new work is refused",
  full: "the disk is full: new work is refused",
  unwritable: "the database cannot be written: new work is refused",
  corrupt: "the database is damaged: new work is refused",
  fenced: "another service has taken the database: new work is refused here",
};

const REMEDIES: Record<HealthReply["troubles"][number]["code"], string> = {
  log_not_written: "Make room for the log; a reader that is gone comes back with a restart.",
  background_work_failing: "Look at background_work_failed in the log.",
  background_task_failed: "Look at background_task_failed in the log.",
  maintenance_failed: "Look at the detail; a backup below does its part now.",
  wal_not_folded: "Look at the detail. Nothing is lost.",
};

function Service({ health }: { health: HealthReply }) {
  const { store, troubles } = health;
  const isWell = health.status !== "degraded" && store.state === "ok";
  return (
    <section>
      <p className="op-note">
        <State tone={isWell ? "good" : "bad"}>
          {isWell ? "The service is well" : "The service is in trouble"}
        </State>
        <span>
          {STORES[store.state]}
          {store.state !== "ok" && (
            <>
              , since <Time at={store.since} />
            </>
          )}
          ; version {health.version}
        </span>
        {store.detail !== null && <span>{store.detail}</span>}
        {store.backup !== null && (
          <span>
            newest backup: <code>{store.backup}</code>
          </span>
        )}
      </p>
      {troubles.length > 0 && (
        <Table
          caption="Troubles of the service"
          rows={troubles}
          keyOf={(one) => `${one.code} ${one.what}`}
          columns={[
            { head: "Trouble", cell: (one) => <code>{one.code}</code> },
            { head: "What", cell: (one) => one.what },
            { head: "Since", cell: (one) => <Time at={one.since} /> },
            { head: "Times", kind: "num", cell: (one) => count(one.count) },
            { head: "Newest reason", cell: (one) => one.detail },
            { head: "What to do", cell: (one) => REMEDIES[one.code] },
          ]}
        />
      )}
    </section>
  );
}

const STATUS: Record<string, readonly [Tone, string]> = {
  ok: ["good", "fine"],
  warning: ["wait", "lacking"],
  missing: ["bad", "missing"],
};

function Environment() {
  const engine = useEngine();
  const queries = useQueryClient();
  const [isLooking, setLooking] = useState(false);
  const [error, setError] = useState<ServiceError | null>(null);
  const read = useRead(["environment"], (api) => api.GET("/api/health/environment"));
  const look = async () => {
    setLooking(true);
    setError(null);
    try {
      const params = { query: { fresh: true } };
      queries.setQueryData(
        ["operate", "environment"],
        await must(engine.api.GET("/api/health/environment", { params })),
      );
    } catch (caught) {
      setError(asServiceError(caught));
    } finally {
      setLooking(false);
    }
  };
  return (
    <Loaded of={read}>
      {(found) => (
        <section>
          <div className="op-section">
            <h2>CLIs</h2>
            <button type="button" disabled={isLooking} onClick={() => void look()}>
              {isLooking ? "Looking…" : "Look again"}
            </button>
          </div>
          {error !== null && <Failure error={error} />}
          <p className="hint">
            Looked at <Time at={found.examinedAt} />. A CLI that is newer than what is known of it may print
            what the service does not know yet: watch its drift below.
          </p>
          <Table
            caption="The CLIs on this machine"
            rows={found.clis}
            keyOf={(one) => one.type}
            columns={[
              { head: "CLI", cell: (one) => one.title },
              { head: "State", cell: (one) => <CliState one={one} /> },
              { head: "Version", cell: (one) => (one.path === null ? "" : (one.version ?? "unknown")) },
              { head: "Known up to", cell: (one) => one.recorded ?? "nothing was recorded" },
              { head: "Login", cell: (one) => (one.path === null ? "" : one.login) },
              { head: "Program", cell: (one) => (one.path === null ? "" : <code>{one.path}</code>) },
              { head: "What mends it", cell: (one) => (one.fix === null ? "" : <Fix line={one.fix} />) },
            ]}
          />
          <h2>Machine</h2>
          <Table
            caption="What the service needs of this machine"
            rows={found.machine}
            keyOf={(one) => one.name}
            columns={[
              { head: "What", cell: (one) => one.name },
              {
                head: "State",
                cell: (one) => {
                  const [tone, word] = STATUS[one.status] ?? ["idle", one.status];
                  return <State tone={tone}>{word}</State>;
                },
              },
              { head: "Found", cell: (one) => one.detail },
              { head: "What mends it", cell: (one) => (one.fix === null ? "" : <Fix line={one.fix} />) },
            ]}
          />
        </section>
      )}
    </Loaded>
  );
}

function CliState({ one }: { one: CliFinding }) {
  if (one.path === null) return <State tone="idle">{one.login}</State>;
  if (one.loggedIn === false) return <State tone="bad">not logged in</State>;
  if (one.newer) return <State tone="wait">newer than known</State>;
  return one.loggedIn === true ? (
    <State tone="good">ready</State>
  ) : (
    <State tone="idle">installed, login unknown</State>
  );
}

/** The exact line that mends something, to be copied. */
function Fix({ line }: { line: string }) {
  return (
    <span className="fix op-fix">
      <code>{line}</code> <CopyButton text={line} />
    </span>
  );
}

function Drift({ health }: { health: HealthReply }) {
  return (
    <section>
      <h2>What CLIs print that is not known</h2>
      {health.drift.length === 0 ? (
        <p className="hint">
          Nothing since the service began. An update of a CLI may bring some; it is kept raw and shown here.
        </p>
      ) : (
        <Table
          caption="Unknown lines by CLI and version"
          rows={health.drift}
          keyOf={(one) => `${one.type} ${one.version}`}
          columns={[
            { head: "CLI", cell: (one) => typeTitle(one.type) },
            { head: "Version", cell: (one) => one.version ?? "unknown" },
            { head: "Known up to", cell: (one) => one.recorded ?? "nothing was recorded" },
            {
              head: "State",
              cell: (one) =>
                one.newer ? <State tone="wait">newer than known</State> : <State tone="idle">known</State>,
            },
            {
              head: "Unknown names, and how often",
              cell: (one) =>
                Object.entries(one.names).map(([name, times]) => (
                  <span key={name} className="op-line">
                    <code>{name}</code> {count(times)} ×
                  </span>
                )),
            },
          ]}
        />
      )}
    </section>
  );
}
