import type { Block, ToolCall } from "@agent-runner/engine";
import { memo, useState } from "react";
import { Markdown } from "../markdown/Markdown";
import { ToolGroup } from "../tools/ToolGroup";
import { Boundary } from "../ui/Boundary";
import { duration } from "../ui/format";
import { ApprovalCard } from "./ApprovalCard";

export interface RunBlocksProps {
  blocks: readonly Block[];
  agentType?: string;
  /** The run goes on: its last steps stay open. */
  isLive: boolean;
}

/** A group of more steps is closed until somebody opens it, once it is over. */
const MOST_OPEN = 6;

type Step = Extract<Block, { kind: "tool" }>;
type Piece = { steps: readonly Step[] } | { block: Exclude<Block, { kind: "tool" }> };

/** What an agent says and does, in order; deeds that follow each other stand in one group. */
export const RunBlocks = memo(function RunBlocks({ blocks, agentType, isLive }: RunBlocksProps) {
  const pieces = piecesOf(blocks);
  return pieces.map((piece, at) => {
    if ("steps" in piece) {
      const isLast = isLive && at === pieces.length - 1;
      return <Steps key={piece.steps[0]?.id} steps={piece.steps} isLast={isLast} isLive={isLive} />;
    }
    return (
      <OneBlock key={`${piece.block.kind}:${piece.block.id}`} block={piece.block} agentType={agentType} />
    );
  });
});

function piecesOf(blocks: readonly Block[]): Piece[] {
  const pieces: Piece[] = [];
  let steps: Step[] | null = null;
  for (const block of blocks) {
    if (block.kind === "tool") {
      if (steps === null) pieces.push({ steps: (steps = []) });
      steps.push(block);
    } else {
      steps = null;
      pieces.push({ block });
    }
  }
  return pieces;
}

function Steps({ steps, isLast, isLive }: { steps: readonly Step[]; isLast: boolean; isLive: boolean }) {
  const childrenOf = (call: ToolCall) => {
    const children = steps.find((step) => step.call === call)?.children ?? [];
    return children.length > 0 && <RunBlocks blocks={children} isLive={isLive} />;
  };
  return (
    <ToolGroup
      calls={steps.map((step) => step.call)}
      open={isLast || steps.length <= MOST_OPEN}
      childrenOf={childrenOf}
    />
  );
}

type Other = Exclude<Block, { kind: "tool" }>;

const OneBlock = memo(function OneBlock({
  block,
  agentType,
}: {
  block: Other;
  agentType: string | undefined;
}) {
  switch (block.kind) {
    case "message":
      return (
        <>
          <div className="says" data-item={block.id}>
            <Boundary fallback={() => <pre className="words">{block.text}</pre>}>
              <Markdown text={block.text} streaming={block.isOpen} />
            </Boundary>
          </div>
          {block.isCut && <p className="hint">This is the beginning; the whole comes when it is written.</p>}
          {block.isPartial && <p className="hint">The text breaks off here.</p>}
        </>
      );
    case "reasoning":
      return <Thought block={block} />;
    case "approval":
      return <ApprovalCard approval={block.approval} {...(agentType === undefined ? {} : { agentType })} />;
    case "notice":
      return (
        <p className={`notice ${block.level}`}>
          {block.text || block.code} <code>{block.code}</code>
        </p>
      );
    case "line":
      return (
        <details className="line">
          <summary>
            {block.what === "unknown"
              ? "A message of a kind that is not known"
              : "A line that was not understood"}
            : {block.label}
          </summary>
          <pre tabIndex={0}>{block.raw}</pre>
        </details>
      );
  }
});

function Thought({ block }: { block: Extract<Block, { kind: "reasoning" }> }) {
  const [isOpen, setOpen] = useState(false);
  const took =
    block.startedAt !== null && block.endedAt !== null
      ? Date.parse(block.endedAt) - Date.parse(block.startedAt)
      : null;
  const word = block.isOpen
    ? "Thinking…"
    : took !== null && took >= 1000
      ? `Thought for ${duration(took)}`
      : "Thought";
  if (block.text.trim() === "") return <p className="think-word">{word}</p>;
  return (
    <details className="think" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{word}</summary>
      {isOpen && <Markdown text={block.text} streaming={block.isOpen} />}
    </details>
  );
}
