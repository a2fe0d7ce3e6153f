import { asServiceError, Engine, type ServiceError } from "@agent-runner/engine";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { takeToken } from "./app/token";
import { AgentRunnerProvider } from "./react/AgentRunnerProvider";
import "./styles/tokens.css";
import "./styles/base.css";

const token = takeToken();
const engine = new Engine({ isLoggingIn: token !== null });
const root = createRoot(document.getElementById("root") as HTMLElement);

function show(failure: ServiceError | null): void {
  root.render(
    <StrictMode>
      <AgentRunnerProvider engine={engine}>
        <App failure={failure} />
      </AgentRunnerProvider>
    </StrictMode>,
  );
}

if (token === null) show(null);
else engine.logIn(token).then(() => show(null), (error: unknown) => show(asServiceError(error)));
