import { asServiceError, type ServiceError } from "@agent-runner/engine";
import { useState } from "react";
import { useEngine } from "../react/AgentRunnerProvider";
import { Failure } from "../ui/Failure";
import { useDocumentTitle } from "./useDocumentTitle";

/** For a browser that is not logged in: where the link is, or the token by hand. */
export function Login({ failure }: { failure: ServiceError | null }) {
  const engine = useEngine();
  const [token, setToken] = useState("");
  const [error, setError] = useState<ServiceError | null>(failure);
  useDocumentTitle("Log in · agent-runner");
  return (
    <main className="login">
      <h1>agent-runner</h1>
      <p>
        This browser is not logged in. On the machine of the service, <code>agent-runner link</code> prints a
        link that does it; <code>make run</code> prints it at its start.
      </p>
      <form
        className="fields"
        onSubmit={(event) => {
          event.preventDefault();
          setError(null);
          engine.logIn(token.trim()).catch((caught: unknown) => setError(asServiceError(caught)));
        }}
      >
        <label>
          Or the token
          <input
            type="password"
            value={token}
            autoComplete="current-password"
            onChange={(event) => setToken(event.target.value)}
          />
          <small>
            It is in the file <code>token</code> of the service's state folder.
          </small>
        </label>
        <button type="submit" className="go" disabled={token.trim() === ""}>
          Log in
        </button>
      </form>
      {error !== null && <Failure error={error} />}
    </main>
  );
}
