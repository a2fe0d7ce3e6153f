import {
  asServiceError,
  type Comparison,
  type ComparisonDetail,
  must,
  type ShadowReport,
} from "@agent-runner/engine";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Diff } from "../diff/Diff";
import { LongText } from "../markdown/LongText";
import { useEngine } from "../react/AgentRunnerProvider";
import { Values } from "../tools/Values";
import { marked } from "../tools/invisible";
import { Failure } from "../ui/Failure";
import { duration, money, percent } from "../ui/format";
import { ChatLink, Loaded, Pick, State, Time } from "./parts";
import type { Filters } from "./Shadow";
import { noteWord, verdictWord } from "./shadowWords";
import { Table } from "./Table";
import { useRead } from "./useRead";

const PAGE = 20;

/** Comparisons to look into: the least alike, the newest mismatches, the failures. */
export function Comparisons({ report, filters }: { report: ShadowReport; filters: Filters }) {
  const [kind, setKind] = useState("worst");
  return (
    <section>
      <h2>Side by side</h2>
      <div className="op-filters">
        <Pick
          label="Show"
          value={kind}
          onPick={setKind}
          choices={[
            ["worst", "the least alike"],
            ["mismatches", "mismatches, newest first"],
            ["failures", "failures, newest first"],
          ]}
        />
      </div>
      {kind === "worst" ? (
        <List
          rows={report.worst.map((one) => one.comparison)}
          whole={report.worst}
          nothing="No answers differ in this time."
        />
      ) : (
        <Paged key={kind} kind={kind as "mismatches" | "failures"} filters={filters} />
      )}
    </section>
  );
}

function Paged({ kind, filters }: { kind: "mismatches" | "failures"; filters: Filters }) {
  const engine = useEngine();
  const found = useInfiniteQuery({
    queryKey: ["operate", "shadow", kind, filters],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam }) => {
      const params = {
        query: { ...filters, limit: PAGE, ...(pageParam === null ? {} : { before: pageParam }) },
      };
      return must(
        kind === "mismatches"
          ? engine.api.GET("/api/shadow-mode/mismatches", { params })
          : engine.api.GET("/api/shadow-mode/failures", { params }),
      );
    },
    getNextPageParam: (page) => page.nextBefore,
    staleTime: 0,
  });
  const rows = found.data?.pages.flatMap((page) => page.comparisons) ?? [];
  return (
    <>
      {found.isError && <Failure error={asServiceError(found.error)} />}
      {found.isPending && <p className="hint">Loading…</p>}
      {found.isSuccess && (
        <List
          rows={rows}
          nothing={kind === "mismatches" ? "No answers differ in this time." : "Nothing failed in this time."}
        />
      )}
      {found.hasNextPage && (
        <button type="button" disabled={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
          Older ones
        </button>
      )}
    </>
  );
}

interface ListProps {
  rows: readonly Comparison[];
  /** Those that are known whole. */
  whole?: readonly ComparisonDetail[];
  nothing: string;
}

function List({ rows, whole, nothing }: ListProps) {
  if (rows.length === 0) return <p className="hint">{nothing}</p>;
  return (
    <Table
      caption="Comparisons"
      rows={rows}
      keyOf={(one) => one.comparisonId}
      detail={(one) => {
        const known = whole?.find((other) => other.comparison.comparisonId === one.comparisonId);
        return known === undefined ? <Fetched id={one.comparisonId} /> : <Both detail={known} />;
      }}
      detailLabel={(one) => `Both sides of ${one.comparisonId}`}
      columns={[
        { head: "When", cell: (one) => <Time at={one.createdAt} /> },
        {
          head: "Agent",
          cell: (one) => (
            <ChatLink agentId={one.agentId} conversationId={one.conversationId}>
              {one.agentId}
            </ChatLink>
          ),
        },
        { head: "Verdict", cell: (one) => <Verdict one={one} /> },
        { head: "Alike", kind: "num", cell: (one) => percent(one.similarity) },
        {
          head: "Why",
          cell: (one) => [...one.reasons.map((reason) => reason.text), ...one.notes.map(noteWord)].join("; "),
        },
      ]}
    />
  );
}

function Verdict({ one }: { one: Comparison }) {
  const isWell = one.verdict === "match" || one.verdict === "equivalent";
  return <State tone={isWell ? "good" : "bad"}>{verdictWord(one.verdict)}</State>;
}

function Fetched({ id }: { id: string }) {
  const params = { path: { comparisonId: id } };
  const read = useRead(["shadow", "comparison", id], (api) =>
    api.GET("/api/shadow-mode/comparisons/{comparisonId}", { params }),
  );
  return <Loaded of={read}>{(detail) => <Both detail={detail} />}</Loaded>;
}

/** What both legs said and did. */
function Both({ detail }: { detail: ComparisonDetail }) {
  const { comparison, primary, mirror } = detail;
  return (
    <div className="op-whole">
      <div className="op-both">
        <Leg
          title={`Primary: ${comparison.primaryMode}`}
          body={primary}
          figures={comparison.primaryFigures}
        />
        <Leg title={`Mirror: ${comparison.mirrorMode}`} body={mirror} figures={comparison.mirrorFigures} />
      </div>
      {primary !== null && mirror !== null && primary.output !== mirror.output && (
        <>
          <h3>From the primary's answer to the mirror's</h3>
          <Diff path="answer" before={primary.output} after={mirror.output} />
        </>
      )}
    </div>
  );
}

interface LegProps {
  title: string;
  body: ComparisonDetail["primary"];
  figures: Comparison["primaryFigures"];
}

function Leg({ title, body, figures }: LegProps) {
  return (
    <section className="op-leg">
      <h3>{title}</h3>
      {figures !== null && (
        <p className="hint">
          {figures.success ? "succeeded" : `failed (${figures.code ?? "unknown"})`} in{" "}
          {duration(figures.durationMs)}, first words after {duration(figures.timeToFirstMs)},{" "}
          {money(figures.costUsd)}
          {figures.corrupt !== null && `; damaged: ${figures.corrupt}`}
        </p>
      )}
      {body === null ? (
        <p className="hint">What it said is not kept any more, or was never there.</p>
      ) : (
        <>
          <pre className="op-answer" tabIndex={0} dir="auto" aria-label={`Answer, ${title}`}>
            <LongText text={marked(body.output)} />
          </pre>
          {body.toolCalls.length > 0 && (
            <details>
              <summary>
                {body.toolCalls.length} tool {body.toolCalls.length === 1 ? "call" : "calls"}
              </summary>
              <ol>
                {body.toolCalls.map((call, at) => (
                  <li key={at}>
                    <b>{call.name}</b>
                    <Values value={call.input} label={`Arguments of ${call.name}`} />
                  </li>
                ))}
              </ol>
            </details>
          )}
          {body.diff !== null && body.diff !== "" && (
            <details>
              <summary>
                {body.files === null
                  ? "What it changed"
                  : `${body.files.length} changed ${body.files.length === 1 ? "file" : "files"}`}
              </summary>
              <Diff unified={body.diff} />
            </details>
          )}
        </>
      )}
    </section>
  );
}
