import { asServiceError, must } from "@agent-runner/engine";
import { useInfiniteQuery } from "@tanstack/react-query";
import { type SyntheticEvent, useEffect, useState } from "react";
import { Link, useLocation, useSearchParams } from "wouter";
import { useEngine } from "../react/AgentRunnerProvider";
import { Failure } from "../ui/Failure";
import { shortTime } from "../ui/format";

const PAGE = 30;

/** Search in all that was ever said, newest first. */
export function Find() {
  const engine = useEngine();
  const [params] = useSearchParams();
  const [, navigate] = useLocation();
  const q = params.get("q") ?? "";
  const [text, setText] = useState(q);
  useEffect(() => setText(q), [q]);
  const found = useInfiniteQuery({
    queryKey: ["search", q],
    enabled: q !== "",
    initialPageParam: null as number | null,
    queryFn: ({ pageParam }) => {
      const query = { q, limit: PAGE, ...(pageParam === null ? {} : { before: pageParam }) };
      return must(engine.api.GET("/search", { params: { query } }));
    },
    getNextPageParam: (page) => page.nextBefore,
    retry: false,
    staleTime: 0,
  });
  const hits = found.data?.pages.flatMap((page) => page.hits) ?? [];
  const search = (event: SyntheticEvent) => {
    event.preventDefault();
    navigate(`/find?q=${encodeURIComponent(text.trim())}`, { replace: true });
  };
  return (
    <div className="wide">
      <h1>Search</h1>
      <form className="search big" role="search" aria-label="This search" onSubmit={search}>
        <input
          type="search"
          dir="auto"
          value={text}
          autoFocus
          aria-label="Search everything"
          onChange={(event) => setText(event.target.value)}
        />
        <button type="submit">Search</button>
      </form>
      <p className="hint">
        Every word must be there; <code>"a phrase"</code> as it stands; <code>-word</code> not at all.
      </p>
      {found.isError && <Failure error={asServiceError(found.error)} />}
      <div aria-live="polite">
        {q !== "" && found.isSuccess && hits.length === 0 && <p>Nothing was said with these words.</p>}
        {q !== "" && found.isPending && found.isFetching && <p className="hint">Searching…</p>}
      </div>
      <ol className="hits">
        {hits.map((hit) => (
          <li key={hit.turnId}>
            <Link href={`/chat/${encodeURIComponent(hit.agentId)}/${hit.conversationId}?turn=${hit.turnId}`}>
              <b dir="auto">{hit.title ?? "Conversation"}</b>
              <span>
                {hit.agentId} · {hit.role === "user" ? "you" : "agent"}
                {hit.archived && " · archived"}
              </span>
              <time dateTime={hit.createdAt}>{shortTime(hit.createdAt)}</time>
              <p dir="auto">
                {hit.snippet.map((piece, at) =>
                  piece.hit ? <mark key={at}>{piece.text}</mark> : piece.text,
                )}
              </p>
            </Link>
          </li>
        ))}
      </ol>
      {found.hasNextPage && (
        <button type="button" disabled={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
          Older ones
        </button>
      )}
    </div>
  );
}
