import { type Api, must } from "@agent-runner/engine";
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect } from "react";
import { useEngine } from "../react/AgentRunnerProvider";

type Answer<T> = Promise<{ data?: T; error?: unknown; response: Response }>;

/** What the service tells under a key; `everyMs` reads it again while the page is seen. */
export function useRead<T>(key: readonly unknown[], read: (api: Api) => Answer<T>, everyMs?: number) {
  const engine = useEngine();
  return useQuery({
    queryKey: ["operate", ...key],
    queryFn: () => must(read(engine.api)),
    refetchInterval: everyMs ?? false,
    staleTime: 0,
    placeholderData: keepPreviousData,
  });
}

/** Reads what is under a key again. */
export function useReadAgain() {
  const queries = useQueryClient();
  return useCallback(
    (...key: unknown[]) => queries.invalidateQueries({ queryKey: ["operate", ...key] }),
    [queries],
  );
}

const PAUSE_MS = 250;

interface Watched {
  subscribe: (watcher: () => void) => () => void;
}

/** Reads what is under a key again, soon after one of `watched` has changed. */
export function useFollow(key: string, ...watched: Watched[]): void {
  const again = useReadAgain();
  // biome-ignore lint/correctness/useExhaustiveDependencies: each of them, whatever list it is in
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const later = () => {
      clearTimeout(timer);
      timer = setTimeout(() => void again(key), PAUSE_MS);
    };
    const leave = watched.map((one) => one.subscribe(later));
    return () => {
      clearTimeout(timer);
      for (const one of leave) one();
    };
  }, [again, key, ...watched]);
}
