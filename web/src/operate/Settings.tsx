import { useNotifications } from "../app/Notifications";
import { useEngine } from "../react/AgentRunnerProvider";
import { useStored } from "../ui/stored";
import { Head, useAsking } from "./parts";

/** What this browser keeps for its person. */
export function Settings() {
  const engine = useEngine();
  const [name, setName] = useStored("name");
  const { canNotify, isOn, turn } = useNotifications();
  const [ask, dialog] = useAsking();
  const askOut = () =>
    ask({
      title: "Log out?",
      action: "Log out",
      text: "This browser is logged out in all its tabs; its settings stay. Agents and runs go on as they are. To come back you need the link that agent-runner link prints on the service's machine, or the token.",
      run: () => engine.logOut(),
    });
  return (
    <>
      <Head title="Settings of this browser">
        What this browser keeps for you; agents, and how the service works, are not set here.
      </Head>
      <div className="fields op-settings">
        <label>
          Your name
          <input
            value={name}
            dir="auto"
            maxLength={100}
            placeholder="operator"
            autoComplete="name"
            onChange={(event) => setName(event.target.value)}
          />
          <small>
            It stands beside what you decide and move, for others to see. An agent that lists its deciders
            takes only their names.
          </small>
        </label>
        <div className="field">
          <label className="choice">
            <input
              type="checkbox"
              checked={isOn}
              disabled={!canNotify}
              onChange={(event) => void turn(event.target.checked)}
            />
            <span>
              Tell me when an agent asks or an answer is complete
              <small>
                {canNotify
                  ? "By the browser's notifications, while no tab of this page is seen. If it cannot be turned on, the browser blocks them for this address."
                  : "This browser has no notifications at this address: they need https or localhost."}
              </small>
            </span>
          </label>
        </div>
      </div>
      <h2>Login</h2>
      <p>
        <button type="button" className="no" onClick={askOut}>
          Log out…
        </button>
      </p>
      {dialog}
    </>
  );
}
