import type { ServiceError } from "@agent-runner/engine";
import type { ReactNode } from "react";

type Told = Pick<ServiceError, "code" | "message" | "hint">;

/** What went wrong, what helps, and the code under which the runbook has it. */
export function Failure({ error, children }: { error: Told; children?: ReactNode }) {
  return (
    <div className="failure" role="alert">
      <p>
        {error.message} <code>{error.code}</code>
      </p>
      {error.hint !== null && <p className="hint">{error.hint}</p>}
      {children}
    </div>
  );
}
