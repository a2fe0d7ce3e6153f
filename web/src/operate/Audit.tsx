import { asServiceError, must } from "@agent-runner/engine";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useEngine } from "../react/AgentRunnerProvider";
import { Failure } from "../ui/Failure";
import { clock, fullTime, isSameDay } from "../ui/format";
import { audited } from "./moves";
import { Time } from "./parts";

const PAGE = 20;

/** What moved, and who moved it; newest first. */
export function Audit() {
  const engine = useEngine();
  const found = useInfiniteQuery({
    queryKey: ["operate", "fallback", "audit"],
    initialPageParam: null as number | null,
    queryFn: ({ pageParam }) => {
      const query = { limit: PAGE, ...(pageParam === null ? {} : { before: pageParam }) };
      return must(engine.api.GET("/api/fallback/audit", { params: { query } }));
    },
    getNextPageParam: (page) => page.nextBefore,
    staleTime: 0,
  });
  const entries = found.data?.pages.flatMap((page) => page.entries) ?? [];
  return (
    <section>
      <h2 id="op-audit">What moved, and who moved it</h2>
      {found.isError && <Failure error={asServiceError(found.error)} />}
      {found.isSuccess && entries.length === 0 && (
        <p className="hint">
          Nothing has been moved yet. What you move, and what the service moves by itself, stands here.
        </p>
      )}
      <ol className="op-audit" aria-labelledby="op-audit">
        {entries.map((entry) => {
          const { what, who, reason } = audited(entry);
          const until = entry.type === "toggle.set" ? (entry.toggle?.expiresAt ?? null) : null;
          return (
            <li key={entry.seq}>
              <Time at={entry.time} />
              <b dir="auto">
                {what}
                {until !== null && (
                  <span title={fullTime(until)}>
                    {" "}
                    until {isSameDay(new Date(until), new Date(entry.time)) ? clock(until) : fullTime(until)}
                  </span>
                )}
              </b>
              <span dir="auto">
                {who}
                {reason !== "" && `: “${reason}”`}
              </span>
            </li>
          );
        })}
      </ol>
      {found.hasNextPage && (
        <button type="button" disabled={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
          Older ones
        </button>
      )}
    </section>
  );
}
