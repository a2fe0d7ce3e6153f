import { useEngine } from "../react/AgentRunnerProvider";
import { useObservable } from "../react/useObservable";
import { Dot } from "../ui/Dot";
import { useNow } from "../ui/useNow";

/** Whether what is shown is live. */
export function LinkState() {
  const engine = useEngine();
  const link = useObservable(engine.tabs.link);
  const health = useObservable(engine.health);
  const now = useNow(1000);
  if (link.state === "live") {
    const isWell = health === null || health.status === "ok";
    return (
      <span className="live" role="status">
        <Dot tone={isWell ? "good" : "wait"} />
        {isWell ? "live" : "live, with trouble"}
      </span>
    );
  }
  if (link.state === "waiting") {
    const seconds = Math.max(0, Math.ceil((link.retryAt - now) / 1000));
    return (
      <span className="live" role="status">
        <Dot tone="bad" />
        <span className="unseen">away</span>
        <span aria-hidden="true">{seconds > 1 ? `away, again in ${seconds} s` : "away, trying again"}</span>
        <button type="button" className="quiet small" onClick={() => engine.tabs.wake()}>
          Now
        </button>
      </span>
    );
  }
  return (
    <span className="live" role="status">
      <Dot tone="wait" />
      {link.state === "logged-out" ? "logged out" : "connecting"}
    </span>
  );
}
