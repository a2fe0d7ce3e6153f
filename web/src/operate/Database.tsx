import { must } from "@agent-runner/engine";
import { useEngine } from "../react/AgentRunnerProvider";
import { bytes, count, duration } from "../ui/format";
import { Fact, Facts, Loaded, State, Time, useAsking } from "./parts";
import { Table } from "./Table";
import { useRead, useReadAgain } from "./useRead";

/** The database: its size, its backups, and whether it is whole. */
export function Database() {
  const engine = useEngine();
  const again = useReadAgain();
  const [ask, dialog] = useAsking();
  const stats = useRead(["integrity", "stats"], (api) => api.GET("/api/integrity/stats"));
  const check = useRead(["integrity", "check"], (api) => api.GET("/api/integrity/check"));
  const askCheck = () =>
    ask({
      title: "Check the database?",
      action: "Check",
      text: "Every page, index and reference is read, and what the database has is held against the files beside it. It changes nothing; of a large database it takes minutes, and reads the disk meanwhile.",
      run: async () => {
        await must(engine.api.POST("/api/integrity/check", { body: {} }));
        await again("integrity");
      },
    });
  const askBackup = () =>
    ask({
      title: "Back the database up?",
      action: "Back up",
      text: "A copy of the whole database is written to the folder of backups, while the service goes on. The oldest backups go when there are more than are to be kept.",
      run: async () => {
        await must(engine.api.POST("/api/integrity/backup", { body: {} }));
        await again("integrity");
      },
    });
  return (
    <section>
      <div className="op-section">
        <h2>Database</h2>
        <button type="button" onClick={askCheck}>
          Check…
        </button>
        <button type="button" onClick={askBackup}>
          Back up…
        </button>
      </div>
      <Loaded of={check}>
        {({ last }) =>
          last === null ? (
            <p className="hint">
              It has not been checked yet: the nightly maintenance does, and so does the button above.
            </p>
          ) : (
            <>
              <p className="op-note">
                <State tone={last.ok ? "good" : "bad"}>
                  {last.ok ? "Nothing is wrong" : "Something is wrong"}
                </State>
                <span>
                  checked <Time at={last.finishedAt} />, in {duration(last.durationMs)}
                </span>
              </p>
              {last.findings.length > 0 && (
                <Table
                  caption="What the last check has found"
                  rows={last.findings}
                  keyOf={(one) => `${one.code} ${one.subject}`}
                  columns={[
                    { head: "Found", cell: (one) => <code>{one.code}</code> },
                    { head: "Where", cell: (one) => <code>{one.subject}</code> },
                    { head: "Detail", cell: (one) => one.detail },
                    {
                      head: "What mends it",
                      cell: (one) =>
                        one.repairable ? <code>agent-runner db cleanup</code> : "runbooks/database.md",
                    },
                  ]}
                />
              )}
            </>
          )
        }
      </Loaded>
      <Loaded of={stats}>
        {({ database, backups, lastBackup, reconciliation }) => (
          <>
            <Facts>
              <Fact name="Size">{bytes(database.bytes)}</Fact>
              <Fact name="Log (WAL)">{bytes(database.walBytes)}</Fact>
              <Fact name="A vacuum gives back">{bytes(database.freePages * database.pageBytes)}</Fact>
              <Fact name="Backups">
                {count(backups.count)}, {bytes(backups.bytes)}
              </Fact>
              <Fact name="Newest backup">
                {backups.newest === null ? "none yet" : <BackupName path={backups.newest} />}
              </Fact>
              <Fact name="Last backup by this service">
                {lastBackup === null ? "none yet" : <Time at={lastBackup.finishedAt} />}
              </Fact>
              <Fact name="Last start">
                <Time at={reconciliation.at} />, {count(reconciliation.runsInterrupted)} runs interrupted,{" "}
                {count(reconciliation.runsResumed)} resumed
              </Fact>
              {reconciliation.processesNotEnded.length > 0 && (
                <Fact name="Could not be ended">
                  <State tone="bad">processes {reconciliation.processesNotEnded.join(", ")}</State>
                </Fact>
              )}
            </Facts>
            <p className="hint op-path">
              <code>{database.path}</code>, schema {database.schemaVersion};{" "}
              {Object.entries(database.rows)
                .map(([name, rows]) => `${name} ${count(rows)}`)
                .join(" · ")}
            </p>
          </>
        )}
      </Loaded>
      {dialog}
    </section>
  );
}

function BackupName({ path }: { path: string }) {
  return <code title={path}>{path.split("/").at(-1)}</code>;
}
