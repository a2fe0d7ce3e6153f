import {
  asServiceError,
  type CliFinding,
  must,
  type RegisterBody,
  type ServiceError,
} from "@agent-runner/engine";
import { useQuery } from "@tanstack/react-query";
import { useId, useState } from "react";
import { useLocation } from "wouter";
import { useEngine } from "../react/AgentRunnerProvider";
import { Dialog } from "../ui/Dialog";
import { Dot } from "../ui/Dot";
import { Failure } from "../ui/Failure";

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Make an agent: one of the CLIs that the doctor found, a folder and a name. */
export function NewAgent({ onClose }: { onClose: () => void }) {
  const engine = useEngine();
  const [, navigate] = useLocation();
  const id = useId();
  const [type, setType] = useState("");
  const [name, setName] = useState("");
  const [cwd, setCwd] = useState("");
  const [model, setModel] = useState("");
  const [command, setCommand] = useState("");
  const [commMode, setCommMode] = useState<RegisterBody["commMode"]>("headless");
  const [permissions, setPermissions] = useState<"ask" | "readonly" | "full">("ask");
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<ServiceError | null>(null);
  const found = useQuery({
    queryKey: ["environment"],
    queryFn: () => must(engine.api.GET("/api/health/environment")),
  });
  const clis = found.data?.clis ?? [];
  const chosen = clis.find((one) => one.type === type);
  const isOwn = type === "acp" || type === "custom";
  const isValid = type !== "" && NAME.test(name) && (!isOwn || command.trim() !== "");

  const make = async () => {
    setBusy(true);
    setError(null);
    const body = {
      agentId: name,
      type,
      commMode,
      permissions,
      ...(cwd.trim() === "" ? {} : { cwd: cwd.trim() }),
      ...(model.trim() === "" ? {} : { model: model.trim() }),
      ...(isOwn ? { command: command.trim().split(/\s+/) } : {}),
    } as RegisterBody;
    try {
      await must(engine.api.POST("/agents/register", { body }));
      onClose();
      navigate(`/chat/${encodeURIComponent(name)}`);
    } catch (caught) {
      setError(asServiceError(caught));
      setBusy(false);
    }
  };

  return (
    <Dialog
      title="New agent"
      onClose={onClose}
      actions={
        <>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" form={id} className="go" disabled={!isValid || isBusy}>
            Make it
          </button>
        </>
      }
    >
      <form
        id={id}
        className="fields"
        onSubmit={(event) => {
          event.preventDefault();
          if (isValid) void make();
        }}
      >
        <fieldset className="clis">
          <legend>Which CLI</legend>
          {found.isPending && <p className="hint">Looking which CLIs are on the service's machine…</p>}
          {found.isError && <Failure error={asServiceError(found.error)} />}
          {clis.map((one) => (
            <CliChoice
              key={one.type}
              cli={one}
              isChosen={type === one.type}
              onChoose={() => setType(one.type)}
            />
          ))}
          {!found.isPending &&
            (["acp", "custom"] as const).map((one) => (
              <label key={one} className="choice">
                <input type="radio" name="cli" checked={type === one} onChange={() => setType(one)} />
                <span>
                  <b>{one === "acp" ? "Any ACP agent" : "Own command"}</b>
                  <small>
                    {one === "acp"
                      ? "A program that speaks the Agent Client Protocol"
                      : "A program that takes a prompt and prints an answer"}
                  </small>
                </span>
              </label>
            ))}
        </fieldset>
        {chosen?.fix != null && (
          <p className="fix">
            First, on the service's machine: <code>{chosen.fix}</code>
          </p>
        )}
        <label>
          Name
          <input
            value={name}
            required
            spellCheck={false}
            autoComplete="off"
            placeholder="coder"
            onChange={(event) => setName(event.target.value)}
          />
          <small>Letters, digits, dot, dash and underscore; it stays.</small>
        </label>
        {isOwn && (
          <label>
            Command
            <input
              value={command}
              spellCheck={false}
              placeholder="opencode acp"
              onChange={(event) => setCommand(event.target.value)}
            />
          </label>
        )}
        <label>
          Folder
          <input
            value={cwd}
            spellCheck={false}
            placeholder="your home"
            onChange={(event) => setCwd(event.target.value)}
          />
          <small>Where it works, on the service's machine. A full path.</small>
        </label>
        <label>
          What it may do
          <select
            value={permissions}
            onChange={(event) => setPermissions(event.target.value as "ask" | "readonly" | "full")}
          >
            <option value="ask">Ask me before it does anything</option>
            <option value="readonly">Read without asking, ask for all else</option>
            <option value="full">Everything, without asking</option>
          </select>
        </label>
        <details>
          <summary>More</summary>
          <label>
            Model
            <input
              value={model}
              spellCheck={false}
              placeholder="the CLI's own"
              onChange={(event) => setModel(event.target.value)}
            />
          </label>
          <label>
            Way
            <select
              value={commMode}
              onChange={(event) => setCommMode(event.target.value as RegisterBody["commMode"])}
            >
              <option value="headless">headless: by the CLI's own protocol</option>
              <option value="tmux">tmux: in the CLI's own terminal UI</option>
              <option value="shadow">shadow: both, compared</option>
            </select>
          </label>
        </details>
        {error !== null && <Failure error={error} />}
      </form>
    </Dialog>
  );
}

function CliChoice({
  cli,
  isChosen,
  onChoose,
}: {
  cli: CliFinding;
  isChosen: boolean;
  onChoose: () => void;
}) {
  const isThere = cli.path !== null;
  const isReady = isThere && cli.loggedIn !== false;
  return (
    <label className="choice">
      <input type="radio" name="cli" checked={isChosen} onChange={onChoose} />
      <span>
        <b>{cli.title}</b>
        <small>
          <Dot tone={isReady ? "good" : isThere ? "wait" : "bad"} />
          {isThere ? `${cli.version ?? "version unknown"}, ${cli.login}` : cli.login}
        </small>
      </span>
    </label>
  );
}
