import { useQuery } from "@tanstack/react-query";
import { useEngine } from "../react/AgentRunnerProvider";
import { Dialog } from "../ui/Dialog";
import { bytes } from "../ui/format";

export interface RawLinesProps {
  agentId: string;
  runId: string;
  stream: "stdout" | "stderr";
  onClose: () => void;
}

const TAIL = 200_000;

/** The end of what a CLI has printed in a run, byte for byte but for secrets. */
export default function RawLines({ agentId, runId, stream, onClose }: RawLinesProps) {
  const engine = useEngine();
  const { data, isPending, error } = useQuery({
    queryKey: ["raw", runId, stream],
    queryFn: () => engine.rawLog(agentId, runId, stream, TAIL),
    staleTime: 0,
  });
  return (
    <Dialog
      title={stream === "stdout" ? "Raw lines of the CLI" : "What the CLI wrote on stderr"}
      kind="wide"
      onClose={onClose}
    >
      {isPending && <p className="hint">Reading…</p>}
      {error !== null && <p className="hint">{error.message}</p>}
      {data !== undefined && (
        <>
          <p className="hint">
            {data.size === 0
              ? "It has printed nothing."
              : data.size > TAIL
                ? `The last ${bytes(TAIL)} of ${bytes(data.size)}.`
                : `${bytes(data.size)} in all.`}
          </p>
          {data.size > 0 && (
            <pre className="raw" tabIndex={0} dir="ltr">
              {data.text}
            </pre>
          )}
        </>
      )}
    </Dialog>
  );
}
