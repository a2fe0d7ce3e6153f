import { must } from "@agent-runner/engine";
import { useQuery } from "@tanstack/react-query";
import { Diff } from "../diff/Diff";
import { useEngine } from "../react/AgentRunnerProvider";
import { Dialog } from "../ui/Dialog";

export interface ChangesProps {
  agentId: string;
  conversationId: string;
  runId: string;
  onClose: () => void;
}

/** What has changed in the agent's folder since a run began. */
export default function Changes({ agentId, conversationId, runId, onClose }: ChangesProps) {
  const engine = useEngine();
  const { data, isPending, error } = useQuery({
    queryKey: ["changes", runId, "whole"],
    queryFn: () => {
      const params = { path: { agentId }, query: { conversationId, runId } };
      return must(engine.api.GET("/agents/{agentId}/changes", { params }));
    },
    staleTime: 0,
  });
  return (
    <Dialog title="What changed in the folder" kind="wide" onClose={onClose}>
      {isPending && <p className="hint">Comparing…</p>}
      {error !== null && <p className="hint">{error.message}</p>}
      {data !== undefined && !data.known && <p className="hint">{data.reason}</p>}
      {data?.known && data.diff === "" && <p className="hint">Nothing has changed.</p>}
      {data !== undefined && data.diff !== "" && <Diff unified={data.diff} />}
      {data?.cut === true && <p className="hint">The diff is longer than what is shown here.</p>}
    </Dialog>
  );
}
