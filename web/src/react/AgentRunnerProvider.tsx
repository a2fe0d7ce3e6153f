import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { Engine, type EngineOptions } from "@agent-runner/engine";
import { createContext, type ReactNode, useContext, useEffect, useState } from "react";

const EngineContext = createContext<Engine | null>(null);

export interface AgentRunnerProviderProps {
  /** Where the service is; the page's own origin by default. */
  base?: string;
  /** For a page of another origin, which has no cookie of the service. */
  token?: string;
  /** One that is there already, in the place of both. */
  engine?: Engine;
  children: ReactNode;
}

/** What all parts stand on: one connection to the service, shared by everything below. */
export function AgentRunnerProvider({ base, token, engine, children }: AgentRunnerProviderProps) {
  const [own, setOwn] = useState<Engine | null>(engine ?? null);
  const [queries] = useState(
    () =>
      new QueryClient({
        defaultOptions: { queries: { staleTime: 30_000, retry: 1, refetchOnWindowFocus: false } },
      }),
  );
  useEffect(() => {
    if (engine !== undefined) return;
    const options: EngineOptions = {
      ...(base === undefined ? {} : { base }),
      ...(token === undefined ? {} : { token }),
    };
    const made = new Engine(options);
    setOwn(made);
    return () => made.close();
  }, [engine, base, token]);
  if (own === null) return null;
  return (
    <QueryClientProvider client={queries}>
      <EngineContext value={own}>{children}</EngineContext>
    </QueryClientProvider>
  );
}

export function useEngine(): Engine {
  const engine = useContext(EngineContext);
  if (engine === null) throw new Error("no <AgentRunnerProvider> above this component");
  return engine;
}
