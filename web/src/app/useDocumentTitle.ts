import { useEffect, useMemo } from "react";
import { useEngine } from "../react/AgentRunnerProvider";
import { useObservable } from "../react/useObservable";

/** The page's title, with the number of what waits before it. */
export function useDocumentTitle(title: string): void {
  const approvals = useObservable(useEngine().approvals);
  const waiting = useMemo(
    () => [...(approvals?.values() ?? [])].filter((one) => one.state === "pending").length,
    [approvals],
  );
  useEffect(() => {
    document.title = waiting > 0 ? `(${waiting}) ${title}` : title;
  }, [title, waiting]);
}
