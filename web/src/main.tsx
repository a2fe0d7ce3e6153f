import { asServiceError, client, Engine, logIn, type ServiceError } from "@agent-runner/engine";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { takeToken } from "./app/token";
import { AgentRunnerProvider } from "./react/AgentRunnerProvider";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/page.css";

function show(failure: ServiceError | null): void {
  createRoot(document.getElementById("root") as HTMLElement).render(
    <StrictMode>
      <AgentRunnerProvider engine={new Engine()}>
        <div className="agent-runner">
          <App failure={failure} />
        </div>
      </AgentRunnerProvider>
    </StrictMode>,
  );
}

const token = takeToken();
if (token === null) show(null);
else {
  // Before anything else is asked for: without the cookie all of it would be refused.
  const api = client(location.origin, (...call) => fetch(...call));
  logIn(api, token).then(
    () => show(null),
    (error: unknown) => show(asServiceError(error)),
  );
}
