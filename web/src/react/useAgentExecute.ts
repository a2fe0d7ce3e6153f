import type { Prompt } from "@agent-runner/engine";
import { useCallback, useMemo } from "react";
import { useEngine } from "./AgentRunnerProvider";
import { useObservable } from "./useObservable";

export type ExecuteOptions = Partial<Omit<Prompt, "agentId" | "conversationId" | "text">>;

export interface UseAgentExecute {
  /** Send a prompt; its key, by which `runs` tells what became of it. */
  execute: (text: string, options?: ExecuteOptions) => string;
  /** End a run. */
  stop: (runId: string) => Promise<void>;
  /** Send a refused prompt again. */
  retry: (key: string) => void;
  /** Forget a refused prompt. */
  discard: (key: string) => void;
  /** The run that a prompt has become, by its key. */
  runs: ReadonlyMap<string, { runId: string; conversationId: string }>;
}

/** Send prompts to an agent. What was sent survives a reload and makes one run, whatever happens. */
export function useAgentExecute(agentId: string, conversationId: string | null): UseAgentExecute {
  const engine = useEngine();
  const accepted = useObservable(engine.accepted);
  const execute = useCallback(
    (text: string, options: ExecuteOptions = {}) =>
      engine.send({
        attachments: [],
        busy: null,
        mode: null,
        model: null,
        permissionMode: null,
        ...options,
        agentId,
        conversationId,
        text,
      }),
    [engine, agentId, conversationId],
  );
  return useMemo(
    () => ({
      execute,
      stop: (runId: string) => engine.stop(agentId, runId),
      retry: (key: string) => engine.outbox.retry(key),
      discard: (key: string) => engine.outbox.discard(key),
      runs: new Map(accepted.map((one) => [one.key, one])),
    }),
    [engine, execute, agentId, accepted],
  );
}
