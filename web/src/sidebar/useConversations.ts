import { must } from "@agent-runner/engine";
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { useEngine } from "../react/AgentRunnerProvider";

const LIMIT = 300;
const PAUSE_MS = 250;

/** The newest conversations of all agents. They are read again when an agent does something. */
export function useConversations(archived: boolean) {
  const engine = useEngine();
  const queries = useQueryClient();
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const later = () => {
      clearTimeout(timer);
      timer = setTimeout(() => void queries.invalidateQueries({ queryKey: ["conversations"] }), PAUSE_MS);
    };
    const leave = [
      engine.agents.subscribe(later),
      engine.accepted.subscribe(later),
      engine.login.subscribe(later),
    ];
    return () => {
      clearTimeout(timer);
      for (const one of leave) one();
    };
  }, [engine, queries]);
  return useQuery({
    queryKey: ["conversations", archived],
    queryFn: async () => {
      const query = { archived, limit: LIMIT };
      const answer = await must(engine.api.GET("/conversations", { params: { query } }));
      return answer.conversations;
    },
    placeholderData: keepPreviousData,
  });
}
